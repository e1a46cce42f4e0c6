"""What may be personal: the candidate pattern of the one pass, and the words that decide about a number."""

from __future__ import annotations

from enum import StrEnum

from collector.anonymization.shadow import ShadowPattern


class Personal(StrEnum):
    """The structured types, by the names Presidio gave them."""

    EMAIL = "EMAIL_ADDRESS"
    PHONE = "PHONE_NUMBER"
    CARD = "CREDIT_CARD"
    IBAN = "IBAN_CODE"
    IP = "IP_ADDRESS"
    MAC = "MAC_ADDRESS"
    URL = "URL"
    SSN = "US_SSN"
    CRYPTO = "CRYPTO"


# No class holds a line break or a text end, so no hit leaves its line. Few branches count far: every counter multiplies
# the states of the automaton. So an e-mail address is hit at its sign, and what stands before is looked up afterwards.
_WORD = rb"A-Za-z0-9\xc0-\xff"
_LINK_TAIL = rb"[^\x00-\x20\x7f-\xa0\xa4<>\"\\^`{|}]"
_TOP = rb"[A-Za-z\xc0-\xff][A-Za-z0-9\xc0-\xff-]+"

_SCHEME = rb"(?:[Hh][Tt][Tt][Pp][Ss]?|[Ff][Tt][Pp][Ss]?|[Ss][Ff][Tt][Pp]|[Ww][Ss][Ss]?|[Rr][Tt][Ss]?[Mm]?[Pp]|[Ff][Ii][Ll][Ee])://"
_LINK = rb"(?:" + _SCHEME + rb"|[Ww][Ww][Ww][0-9]?\.)" + _LINK_TAIL + rb"+"
_EMAIL = rb"(?:@|%40)(?:(?:[" + _WORD + rb"\xa4-]+\.)+" + _TOP + rb"|\[[0-9A-Fa-f:.]+\])"
_HOST = rb"(?:[" + _WORD + rb"][" + _WORD + rb"-]*\.)+" + _TOP + rb"(?::[0-9]+)?(?:[/?#]" + _LINK_TAIL + rb"*)?"
_IPV4 = rb"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:/[0-9]{1,2})?"
_COLONS = rb"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?(?:/[0-9]{1,3})?"
_MAC = (
    rb"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5,7}|[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){5,7}"
    rb"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,3}"
)
_IBAN = rb"[A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{11,}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?|(?:[ -]?[0-9]){11,})"
_COIN = rb"(?:[13LMDTX]|(?:bc|tb|ltc|BC|TB|LTC)1)[A-Za-z0-9]{24,}|0x[0-9A-Fa-f]{40,}"
_NUMBER = rb"(?:\+|\(\+?)?[0-9](?:[ .()/-]{0,3}[0-9]){6,}(?: ?(?:x|ext\.?|#) ?[0-9]{1,6})?"
_COMPACT_MAC = rb"[0-9A-Fa-f]{12,}"

CANDIDATES = ShadowPattern(
    rb"|".join((_LINK, _EMAIL, _IPV4, _COLONS, _MAC, _IBAN, _COIN, _HOST, _NUMBER, _COMPACT_MAC))
)
# What is looked for again inside a candidate that failed: everything but what it failed as.
PLAINER_CANDIDATES = ShadowPattern(rb"|".join((_EMAIL, _IPV4, _NUMBER)))
NUMBERS = ShadowPattern(_NUMBER)

# The plain name of a type, which any encoder knows, and what stands in the text instead of the find.
REPLACEMENTS: dict[str, tuple[str, str]] = {kind: (kind.value, f"<{kind.value}>") for kind in Personal}


def _words(*lines: str) -> frozenset[bytes]:
    return frozenset(word.encode("latin-1") for line in lines for word in line.split())


# A number after one of these is a telephone number unless its shape says otherwise.
PHONE_WORDS = _words(
    "phone phones telephone tel tele mobile mob cell cellphone cellular fax call called calling calls caller recall",
    "text texted texting txt sms mms msg message messages msisdn whatsapp viber telegram signal imessage facetime",
    "ring rang dial dialed dialled dialing contact contacted reach reached answer answering answers voicemail pager",
    "hotline helpline landline handset freephone tollfree desk direct ph cust care custcare",
    "telefon teléfono telefono telefone téléphone móvil movil celular cellulare portable handy rufnummer tlf tlph gsm",
    "mobil mobiel telefoon puhelin telefonnummer mobilnummer handynummer appelez appeler rufen anrufen llame llama llamar",
    "ligue ligar chiama chiamare chiamate bel bellen ring ringa ringe kontakt contacto contato",
)
# A number after one of these is no telephone number, though its shape may fit.
OTHER_NUMBER_WORDS = _words(
    "order orders invoice bill ref reference account acct acc id ids isbn issn ean upc sku asin gtin serial sn tracking",
    "ticket case booking reservation confirmation code pin otp zip postcode postal plz version build release",
    "transaction txn policy licence license passport imei imsi meid patent item part model vin receipt price",
    "population timestamp epoch unix doi pmid arxiv date dated lot batch po box barcode parcel package shipment article",
    "membership registration reg iban bic swift siren siret vat tax ssn bestellung rechnung auftrag",
    "kundennummer pedido factura commande facture votes views followers points score dollars euros pounds commit hash",
)
SOCIAL_WORDS = _words("ssn ssns social security ss soc sec")
IP_WORDS = _words("ip ips ipv4 ipv6 inet inet6 address addr host subnet network gateway dns localhost loopback cidr")
MAC_WORDS = _words("mac macs hwaddr ether ethernet bssid bluetooth wifi wlan nic hardware")
VERSION_WORDS = _words(
    "v ver version versions release build firmware update upgrade upgraded updated section chapter clause paragraph",
    "android ios kernel driver rev revision oid",
)
WORDS_AFTER_A_PHONE = _words("office fax mobile cell home work phone tel desk direct landline ext extension mob")
COUNTING_WORDS = _words("number numbers no nr num nummer número numero numéro # is at on to are")

# Top-level domains that may end a host without a scheme. Source: IANA root zone database. Left out where the two
# letters are an English word or the ending of a file; those need a path, `www.` or a second level of their own.
SAFE_TOPS = _words(
    "com net org info biz edu gov mil int io co ai app dev tv xyz online site website store shop tech blog cloud club",
    "mobi name pro asia eu tel jobs travel museum coop aero cat post agency academy capital company digital solutions",
    "webcam systems services studio software ventures vip wiki gmbh ltd llc inc bank berlin london paris nyc tokyo moe",
    "ac ad ae af ag al ao ar au aw ax az ba bb bd bf bg bh bi bj bm bn bo br bs bt bw bz ca cd cf cg ch ci ck cl cm cn",
    "cr cu cv cw cx cy cz de dj dk dm dz ec ee eg er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr",
    "gt gu gw gy hk hn hr ht hu ie il iq ir je jm jo jp ke kg kh ki km kn kp kr kw ky kz lb lc li lk lr ls lt lu lv",
    "mc mg mh mk ml mm mn mo mp mq mt mu mv mw mx mz nc ne nf ng ni nl np nr nu nz om pe pf pg ph pk pl pn pr pt pw qa",
    "re ro ru rw sa sb sc sd se sg si sk sl sn sr ss su sv sx sy sz tc td tf tg th tj tk tl tm tn tr tt tw tz ua ug uk",
    "uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw",
)
RISKY_TOPS = _words(
    "am an as at be by cc do gs hm id im in is it la ly ma md me mr ms my no pa pm ps py rs sh sm so st to us vs",
    "art best book call care chat click email fun game games global group guru help host life link live love media",
    "network news page party photo photos pics place plus press rocks run sale school social space support team today",
    "top town video watch work works world zone bio cafe center city codes cool date deals design energy express",
    "family fit fund garden gift guide health house land market money movie mov ninja one ooo photography pizza pub",
    "red report review science show style tips tools toys vision win wtf zip",
)
SECOND_LEVELS = _words("co com net org gov ac edu gob or ne go nom asn ltd plc me")
NOT_TOPS = _words("png jpg jpeg gif webp svg bmp tiff heic pdf mp4 mp3 txt html htm js css json xml csv log")
