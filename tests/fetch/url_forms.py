"""Addresses an attacker would send in place of an allowed one: R13 asks for at least 120 forms."""


def words(text):
    """Return the words of a text."""
    return text.split()


_ADDRESSES = words("""
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 0 0.0.0.0 127.0.0.1. 127.255.255.254
00127.0.0.1 127.0.0.01 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:0:0:1] [::127.0.0.1] [64:ff9b::7f00:1]
[2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fe80::1%25eth0] [fd00::1] [fec0::1] [ff02::1] 169.254.169.254 169.254.1.1
2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] 10.0.0.1 10.1 172.16.0.1 172.31.255.255 192.168.0.1
192.168.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 100.64.0.1 224.0.0.1 239.255.255.250 240.0.0.1
255.255.255.255 localhost LOCALHOST localhost. localhost.localdomain ip6-localhost metadata.google.internal kubernetes.default
127.0.0.1.nip.example evil.example evil.example:443 fhir.example.evil.example evil-fhir.example xfhir.example
""")

_TRICKS = words("""
https://fhir.example@evil.example/r4 https://fhir.example:443@evil.example/r4 https://evil.example#@fhir.example/r4
https://evil.example?@fhir.example/r4 https://evil.example\\@fhir.example/r4 https://fhir.example\\.evil.example/r4
https://evil.example/fhir.example/r4 https://user:pass@fhir.example/r4 https://fhir.example%2eevil.example/r4
https://fhir.example%00.evil.example/r4 https://fhir.example%23.evil.example/r4 https://fhir.example%2f@evil.example/r4
https://%66hir.example/r4 https://fhir%2eexample/r4 https://fhir.example/r4/../../admin https://fhir.example/r4/..;/admin
https://fhir.example/r4/%2e%2e/admin https://fhir.example/r4%2f..%2fadmin https://fhir.example//r4
https://fhir.example/r4?_getpages=1 https://fhir.example/r4#x https://fhir.example/R4 https://fhir.example/r4x
https://fhir.example/r https://fhir.example https://fhir.example/ https://fhir.example:8443/r4 https://fhir.example:80/r4
https://fhir.example:0/r4 https://fhir.example:99999/r4 https://fhir.example:-1/r4 https://fhir.example:443:80/r4
http://fhir.example/r4 http://fhir.example:443/r4 ftp://fhir.example/r4 file:///etc/passwd gopher://fhir.example/r4
dict://fhir.example/r4 ldap://fhir.example/r4 jar:https://fhir.example/r4 data:application/json,{} javascript:alert(1)
unix:///var/run/docker.sock //fhir.example/r4 ///fhir.example/r4 /r4 r4 https:fhir.example/r4 https:/fhir.example/r4
https:///fhir.example/r4 https://.fhir.example/r4 https://fhir..example/r4 https://fhir.example./r4 https://-fhir.example/r4
https://*.example/r4 https://[fhir.example]/r4 https://fhir.example]/r4 https://[::1/r4 https://fhir.example,evil.example/r4
https://fhir_example/r4 https://fhir.example;evil.example/r4 https://fhir.example&evil.example/r4
""")

_ODD = [
    "",
    " ",
    "https://fhir.example/r4 https://evil.example",
    " https://fhir.example/r4",
    "https://fhir.example/r4\r\nHost: evil.example",
    "https://fhir.example\t/r4",
    "https://fhir.example\n/r4",
    "https://fhir.example/r4\x00",
    "https://fhir。example/r4",
    "https://ⓕhir.example/r4",
    "https://fhir.exаmple/r4",
    "https://fhır.example/r4",
    "https://fhir.example\u200b/r4",
    "https://１２７.0.0.1/r4",
    "https://①②⑦.0.0.1/r4",
    "https://fhir.example/r4" + "/a" * 2_000,
]

FORMS = [*(f"https://{address}/r4" for address in _ADDRESSES), *_TRICKS, *_ODD]
