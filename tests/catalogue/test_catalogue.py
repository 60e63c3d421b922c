from cds_service.catalogue import count_rules, find_rules
from cds_service.ready import ready_knowledge


def found(query: str) -> set[str]:
    return {rule.id for rule in find_rules(query, ready_knowledge(None))}


def test_no_words_find_every_rule_in_order_of_group():
    rules = find_rules("", ready_knowledge(None))
    assert {rule.id for rule in rules} == set(ready_knowledge(None).rules)
    assert [(rule.group, rule.id) for rule in rules] == sorted((rule.group, rule.id) for rule in rules)


def test_every_word_must_be_held_whatever_its_case():
    assert "lithium-toxicity" in found("LITHIUM neurotox")
    assert "lithium-toxicity" not in found("lithium denosumab")
    assert found("no-such-word-anywhere") == set()


def test_a_drug_of_a_set_and_a_code_lead_to_the_rule():
    assert "hypomagnesemia-ppi" in found("pantoprazole")
    assert "hypokalemia" in found("2823-3")


def test_rules_are_counted_by_group_and_status():
    rules = find_rules("", ready_knowledge(None))
    counts = count_rules(rules)
    assert sum(n for statuses in counts.values() for n in statuses.values()) == len(rules)
    assert list(counts) == sorted(counts)
