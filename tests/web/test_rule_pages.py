import re

from cds_service.rules import Rule


def test_every_rule_has_a_page_with_its_words_and_evidence(client, knowledge):
    assert knowledge.rules
    for rule in knowledge.rules.values():
        response = client.get(f"/rules/{rule.id}")
        assert response.status_code == 200, rule.id
        assert response.content_type.startswith("text/html")
        assert rule.title.replace("&", "&amp;").replace("'", "&#39;") in response.text
        assert "When it fires" in response.text
        assert "Evidence" in response.text


def test_the_list_leads_to_every_rule(client, knowledge):
    text = client.get("/rules").text
    assert set(re.findall(r'href="/rules/([a-z0-9-]+)"', text)) == set(knowledge.rules)


def test_an_unknown_rule_is_404(client):
    assert client.get("/rules/no-such-rule").status_code == 404


def test_pages_may_load_nothing_but_their_style(client, knowledge):
    rule: Rule = next(iter(knowledge.rules.values()))
    response = client.get(f"/rules/{rule.id}")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', response.text)
    with client.get(style) as answer:
        assert answer.status_code == 200
    assert "<script" not in response.text
