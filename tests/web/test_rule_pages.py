import re

from cds_service.rules import Rule
from tests.web.conftest import ROOT


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


def test_the_list_answers_with_and_without_a_slash_at_the_end(client):
    assert client.get("/rules/").text == client.get("/rules").text


def test_the_front_page_leads_to_rules_and_discovery_and_shows_a_call_that_works(client, service):
    text = client.get("/").text
    for address in set(re.findall(r'href="([^"]+)"', text)):
        with client.get(address) as answer:
            assert answer.status_code == 200, address
    (path,) = re.findall(r"curl -s https?://[^/]+(/\S+)", text)
    (file,) = re.findall(r"--data-binary @(\S+?)<", text)
    answer = client.post(path, data=(ROOT / file).read_bytes(), content_type="application/json")
    assert answer.status_code == 200
    assert answer.json["cards"]


def test_a_definition_is_told_down_to_its_limits(client):
    page = client.get("/rules/hypokalemia").text
    assert re.search(r"<summary>[^<]*[Pp]otassium[^<]*</summary>\s*<ul[^>]*><li>", page)


def test_an_unknown_rule_is_404(client):
    assert client.get("/rules/no-such-rule").status_code == 404


def test_pages_may_load_their_own_files_only_and_run_nothing_but_the_theme_switch(client, knowledge):
    rule: Rule = next(iter(knowledge.rules.values()))
    for address in ("/", "/rules", f"/rules/{rule.id}"):
        response = client.get(address)
        policy = dict(
            part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
        assert "connect-src" not in policy
        files = re.findall(r'(?:src|href)="(/rules/static/[^"]+)"', response.text)
        scripts = re.findall(r"<script ([^>]*)></script>", response.text)
        assert response.text.count("<script") == len(scripts) == 2
        assert [re.findall(r'src="/rules/static/(.*?)"', script) for script in scripts] == [
            ["theme.js"],
            ["theme_button.js"],
        ]
        assert not re.search(r"<[^>]+ (?:style|on[a-z]+)=", response.text)
        for file in files:
            with client.get(file) as answer:
                assert answer.status_code == 200, file


def test_the_contents_of_a_rule_page_lead_to_its_sections(client, knowledge):
    for rule in knowledge.rules.values():
        text = client.get(f"/rules/{rule.id}").text
        listed = re.findall(r'<li><a href="#([a-z]+)">', text)
        assert listed == re.findall(r'<h2 id="([a-z]+)"', text), rule.id
        assert len(listed) >= 6


def test_the_catalogue_is_narrowed_to_a_group_with_counts(client, knowledge):
    text = client.get("/rules").text
    counts = dict(re.findall(r'group=([a-z-]+)">[^<]+ <span>(\d+)</span>', text))
    groups = {rule.group for rule in knowledge.rules.values()}
    assert {name: int(number) for name, number in counts.items()} == {
        group: sum(rule.group == group for rule in knowledge.rules.values()) for group in groups
    }
    medication = client.get("/rules?group=medication").text
    assert set(re.findall(r'href="/rules/([a-z0-9-]+)"', medication)) == {
        rule.id for rule in knowledge.rules.values() if rule.group == "medication"
    }
    assert f"{counts['medication']} of {len(knowledge.rules)} rules" in medication
    both = client.get("/rules?group=medication&q=magnesium").text
    assert 0 < len(re.findall(r'href="/rules/([a-z0-9-]+)"', both)) < int(counts["medication"])
    assert 'name="group" value="medication"' in both
    assert client.get("/rules?group=no-such").text == text


def test_the_pages_lead_to_the_sandbox_only_where_it_is_on(make_app):
    for sandbox in (False, True):
        client = make_app(sandbox=sandbox).test_client()
        for address in ("/", "/rules", "/rules/hypokalemia"):
            text = client.get(address).text
            assert ('href="/sandbox/"' in text) is sandbox
            assert ('href="/sandbox/feedback"' in text) is sandbox


def test_a_page_tells_limits_codes_evidence_and_source_attributes(client):
    page = client.get("/rules/hypokalemia").text
    assert re.search(r"<td>Potassium</td><td>below 3\.5 mmol/L</td><td>[^<]*mg/dL", page)
    assert re.search(r"<code[^>]*>2823-3</code>", page)
    assert "from memory, to be confirmed" in page
    for title in ("Developer", "Funding", "Bibliography", "Revised", "Race", "Sex"):
        assert f"<dt>{title}" in page, title
    assert re.search(r"<dt>Race</dt><dd>not used</dd>", page)
    assert "first version" in page
    assert "Does not fire if instead" in page


def test_the_catalogue_is_searched_by_words_and_codes(client):
    page = client.get("/rules", query_string={"q": "pantoprazole Magnesium"}).text
    assert "hypomagnesemia-ppi" in set(re.findall(r'href="/rules/([a-z0-9-]+)"', page))
    assert "caffeine" not in set(re.findall(r'href="/rules/([a-z0-9-]+)"', page))
    assert "No rule holds" in client.get("/rules?q=zzzz-no-such").text


def test_what_is_searched_is_shown_as_text_only(client):
    for name in ("q", "group"):
        page = client.get("/rules", query_string={name: '"><script>alert(1)</script>'}).text
        assert "<script>" not in page and "alert(1)</" not in page
