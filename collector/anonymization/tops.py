"""Top-level domains: which may end a host that has no scheme, and which are as well a word."""

from __future__ import annotations


def _labels(*lines: str) -> frozenset[bytes]:
    return frozenset(label.encode() for line in lines for label in line.split())


# Top-level domains that may end a host without a scheme. Source: IANA root zone database. Left out where the two
# letters are an English word or the ending of a file; those need a path, `www.` or a second level of their own.
SAFE_TOPS = _labels(
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
RISKY_TOPS = _labels(
    "am an as at be by cc do gs hm id im in is it la ly ma md me mr ms my no pa pm ps py rs sh sm so st to us vs",
    "art best book call care chat click email fun game games global group guru help host life link live love media",
    "network news page party photo photos pics place plus press rocks run sale school social space support team today",
    "top town video watch work works world zone bio cafe center city codes cool date deals design energy express",
    "family fit fund garden gift guide health house land market money movie mov ninja one ooo photography pizza pub",
    "red report review science show style tips tools toys vision win wtf zip",
)
SECOND_LEVELS = _labels("co com net org gov ac edu gob or ne go nom asn ltd plc me")
NOT_TOPS = _labels("png jpg jpeg gif webp svg bmp tiff heic pdf mp4 mp3 txt html htm js css json xml csv log")
# In their own scripts, without the accents that a casefolded text keeps. Source: IANA root zone database.
NATIVE_TOPS = frozenset(
    [
        "рф",
        "рус",
        "укр",
        "бел",
        "срб",
        "мкд",
        "бг",
        "қаз",
        "мон",
        "ею",
        "дети",
        "онлайн",
        "сайт",
        "орг",
        "ком",
        "москва",
        "католик",
        "ελ",
        "ευ",
        "հայ",
        "გე",
        "السعودية",
        "امارات",
        "مصر",
        "قطر",
        "الاردن",
        "المغرب",
        "تونس",
        "عمان",
        "فلسطين",
        "ایران",
        "پاکستان",
        "موقع",
        "شبكة",
        "بازار",
        "الجزائر",
        "كوم",
        "भारत",
        "संगठन",
        "नेट",
        "कॉम",
        "ভারত",
        "বাংলা",
        "ভাৰত",
        "இந்தியா",
        "இலங்கை",
        "సింగపూర్",
        "భారత్",
        "ભારત",
        "ਭਾਰਤ",
        "ଭାରତ",
        "ലങ്ക",
        "ලංකා",
        "קום",
        "ไทย",
        "คอม",
        "ລາວ",
    ]
)
