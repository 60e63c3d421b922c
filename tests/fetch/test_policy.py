import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fetch.policy import (
    listed,
    may_connect,
    next_address,
    parse_entry,
    parse_network,
    parse_server,
)

from .url_forms import FORMS, words

SERVER = parse_entry("https://fhir.example/r4")
NETWORKS = (parse_network("127.0.0.0/8"), parse_network("10.1.0.0/16"), parse_network("::1/128"))


def test_there_are_enough_forms():
    assert len(set(FORMS)) >= 120


@pytest.mark.parametrize("form", FORMS)
def test_R13_no_other_form_is_the_listed_server(form):
    assert listed([SERVER], form) is None


@pytest.mark.parametrize("form", FORMS)
def test_R13_no_next_link_leads_out_of_the_server(form):
    found = next_address(SERVER, "https://fhir.example/r4/Observation?patient=1", form)
    assert found is None or f"{found}/".startswith(("https://fhir.example/r4/", "https://fhir.example/r4?"))


@pytest.mark.parametrize(
    "form",
    [
        "https://fhir.example/r4",
        "https://fhir.example/r4/",
        "HTTPS://FHIR.Example/r4",
        "https://fhir.example:443/r4",
    ],
)
def test_the_same_server_in_other_words_is_listed(form):
    assert listed([SERVER], form) == SERVER


def test_nothing_is_listed_by_default():
    assert listed([], "https://fhir.example/r4") is None


def test_R13_an_entry_of_one_client_holds_for_no_other():
    entry = parse_entry("https://fhir.example/r4 for https://ehr.example")
    assert listed([entry], "https://fhir.example/r4", "https://ehr.example") == entry
    assert listed([entry], "https://fhir.example/r4", "https://other.example") is None
    assert listed([entry], "https://fhir.example/r4") is None


@pytest.mark.parametrize("text", [*FORMS, "https://fhir.example/r4 for ", "https://fhir.example/r4 for a b"])
def test_whatever_is_parsed_says_the_same_again(text):
    try:
        server = parse_entry(text)
    except ValueError:
        return
    assert parse_server(server.base).base == server.base


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text):
    try:
        found = parse_server(text)
    except ValueError:
        return
    assert found.base.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("link", "whole"),
    [
        ("https://fhir.example/r4?_getpages=1", "https://fhir.example/r4?_getpages=1"),
        ("https://fhir.example:443/r4/Observation?page=2", "https://fhir.example/r4/Observation?page=2"),
        ("?page=2", "https://fhir.example/r4/Observation?page=2"),
        ("Observation?page=2", "https://fhir.example/r4/Observation?page=2"),
        ("/r4/Observation?ct=%2F%7C", "https://fhir.example/r4/Observation?ct=%2F%7C"),
    ],
)
def test_FA_7_next_links_of_the_same_server_are_followed(link, whole):
    assert next_address(SERVER, "https://fhir.example/r4/Observation?patient=1", link) == whole


@pytest.mark.parametrize(
    "link",
    [
        "https://fhir.example/admin",
        "https://fhir.example/r4x/Observation",
        "https://fhir.example/r4/%2e%2e/admin",
        "https://fhir.example/r4/%252e%252e/admin",
        "https://fhir.example/r4/%25252e%25252e/admin",
        "https://fhir.example/r4/%2525252525252e%2525252525252e/admin",
        "https://fhir.example/r4/..;/admin",
        "https://fhir.example/r4/..;a=b/admin",
        "https://fhir.example/r4/%2e%2e%3b/admin",
        "https://fhir.example/r4/%00",
        "https://fhir.example/r4/%0d%0aX:%20y",
        "https://fhir.example/r4/%ff",
        "https://fhir.example/r4/a\\b",
        "https://user@fhir.example/r4/Observation",
        "http://fhir.example/r4/Observation",
        "//evil.example/r4",
        "https://fhir.example/r4?x=\r\nHost: evil.example",
    ],
)
def test_FA_7_next_links_out_of_the_server_are_not(link):
    assert next_address(SERVER, "https://fhir.example/r4/Observation?patient=1", link) is None


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]
)
def test_public_addresses_may_be_connected_to_encrypted(text):
    assert may_connect(text, (), secure=True)
    assert not may_connect(text, (), secure=False)


@pytest.mark.parametrize(
    "text",
    words("""127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1
    224.0.0.1 240.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%1 fd00::1 fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
    ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1:: 2001:0:1:2:3:4:80ff:fffe 2001:db8::1
    100::1 localhost 127.1 2130706433 0x7f000001 fhir.example"""),
)
def test_R13_no_other_address_may_be_without_the_settings(text):
    assert not may_connect(text, (), secure=True)


def test_networks_of_the_settings_open_what_they_hold_and_no_more():
    assert may_connect("10.1.2.3", NETWORKS, secure=True)
    assert may_connect("::ffff:10.1.2.3", NETWORKS, secure=True)
    assert not may_connect("10.2.0.1", NETWORKS, secure=True)
    assert not may_connect("10.1.2.3", NETWORKS, secure=False)
    assert may_connect("127.0.0.1", NETWORKS, secure=False)
    assert may_connect("::1", NETWORKS, secure=False)


@pytest.mark.parametrize("text", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "::", "fe80::1", "ff02::1"])
def test_R13_no_setting_opens_link_local_and_the_like(text):
    everything = (parse_network("0.0.0.0/0"), parse_network("::/0"))
    assert not may_connect(text, everything, secure=True)


@given(st.integers(0, 2**32 - 1))
def test_an_address_of_ipv4_is_judged_alike_in_every_dress(number):
    plain = ipaddress.IPv4Address(number)
    dresses = [f"::ffff:{plain}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"]
    answers = {may_connect(text, NETWORKS, secure=True) for text in [str(plain), *dresses]}
    assert len(answers) == 1
