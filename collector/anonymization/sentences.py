"""A full stop without a blank behind it makes two words look like a host: `das ist gut.es geht`.

Many top-level domains are words of some language. Such a pair is a sentence's end and the next one's beginning where
the first is a word that often ends a sentence, or where the words around are of a language that has the second;
unless something says that a host comes.
"""

from __future__ import annotations

import re

from collector.anonymization.surroundings import Surroundings


def _words(line: str) -> frozenset[bytes]:
    return frozenset(word.encode("latin-1") for word in line.split())


# For each language its commonest words, as they stand in messages: they tell the language of what is around.
_COMMON = {
    "en": "the a an and is are was it i you he she we they this that not but so my your me have has had do did will would can "
    "to of in for with be been am what how why when where who very too really just now there here yourself please",
    "de": "der die das und ist sind war ich du er sie wir ihr nicht ein eine mir dir mich dich mit auf zu so auch aber wie was "
    "war hat habe haben geht kommt wird kann muss noch nur schon sehr mal wenn weil dann da hier bitte",
    "es": "el la los las y es son era yo tu ella nosotros no un una me te se que de en por con para muy pero como esta estoy "
    "ser hay ya mas todo verdad nada bien voy va tengo quiero puedo",
    "fr": "le la les et est sont je tu il elle nous vous ils ne pas un une des du au me te se que qui dans pour avec va vais "
    "tres plus bien c'est cest mais comme fait j'ai ca \xe7a tout rien moi toi",
    "pt": "o a os as e \xe9 s\xe3o era eu tu ele ela n\xf3s voc\xea n\xe3o nao um uma me te se que de em por com para muito mas como "
    "est\xe1 esta gosto tenho quero vou foi tudo bem certeza isso",
    "it": "il lo la gli le e \xe8 sono era io tu lui lei noi non un una mi ti si che di in per con molto ma come sta sto va "
    "ho hai anche tutto bene cosa questo",
    "nl": "de het een en is zijn was ik jij je hij zij we wij niet met op te ook maar hoe wat heb heeft gaat kan nog al "
    "goed dan hier daar tot",
    "sv": "och \xe4r jag du han hon vi inte en ett det den p\xe5 med f\xf6r som men hur vad har kan bra ska nu ja nej",
    "da": "og er jeg du han hun vi ikke en et det den p\xe5 med for som men hvor hvad har kan skal nu godt",
    "no": "og er jeg du han hun vi ikke en et det den p\xe5 med for som men hva har kan skal na bra",
    "pl": "i jest to na nie si\xe4 sie w z do ja ty on ona my ale jak co tak juz ma mam bardzo",
    "cs": "a je to na se v z do ja ty on ona my ale jak co tak uz ma mam velmi",
    "tr": "ve bir bu ne de da ben sen o biz mi ama var yok cok iyi",
    "id": "yang dan di ke ini itu aku saya kamu dia tidak ada sudah bisa mau apa ya",
    "ro": "\xe4i si este e eu tu el ea noi nu un o cu pe la de ce dar mai sunt am ai",
}
# Top-level domains that are words, and the languages in which a sentence begins with them or goes on.
_LANGUAGES_OF_TOP = {
    "ac": "", "ai": "fr it ro", "al": "es it nl tr", "app": "en", "au": "fr de", "ba": "", "be": "en", "ca": "fr en",
    "cat": "en", "ch": "de", "co": "pl cs", "com": "", "de": "es fr pt nl sv da ro tr", "dev": "", "do": "en pt pl cs",
    "du": "de fr sv da no", "ec": "", "ee": "", "er": "de da no", "es": "de es fr pt", "et": "fr da no", "eu": "pt ro de",
    "fi": "", "fm": "", "ga": "nl sv", "ge": "sv it", "hr": "", "hu": "", "ie": "nl", "il": "fr it", "io": "it", "ir": "es pt",
    "je": "fr nl cs de", "jo": "sv da no es de", "ke": "id", "ki": "tr", "la": "es fr it", "lo": "es it", "lu": "fr it de",
    "mg": "", "mm": "en", "mu": "tr", "mn": "", "na": "pt pl no id", "name": "en de", "ne": "fr it tr", "ni": "es sv",
    "no": "en es it", "nu": "sv da nl ro", "om": "sv da no", "pe": "ro", "pl": "", "pro": "en", "pt": "", "re": "it",
    "ro": "", "ru": "", "sa": "ro sv", "se": "es pt it fr sv da no cs", "sg": "", "si": "es it fr", "sk": "", "su": "es it",
    "sv": "", "sr": "", "ta": "sv da fr pl", "te": "es fr nl it pt", "tel": "", "tk": "", "tu": "es fr pt it", "tv": "",
    "ua": "", "uk": "", "un": "es fr it ro", "va": "es fr it pt", "ve": "es tr", "vi": "it sv da no", "vip": "", "ye": "en",
    "za": "pl cs", "post": "en", "store": "en", "shop": "en", "site": "en", "online": "en", "club": "en", "company": "en",
    "group": "en", "studio": "en", "services": "en", "info": "en de", "jobs": "en", "bank": "en de", "blog": "en", "tech": "en",
    "cloud": "en", "website": "en", "travel": "en", "museum": "en", "solutions": "en", "systems": "en", "software": "en",
    "digital": "en", "capital": "en", "academy": "en", "agency": "en", "ventures": "en", "wiki": "en", "asia": "en",
}  # fmt: skip
_TOP_LANGUAGES = {
    top.encode(): frozenset(word for name in names.split() for word in _words(_COMMON[name]))
    for top, names in _LANGUAGES_OF_TOP.items()
}
# Countries' domains that programs and products use as names.
_NAMES = frozenset((b"io", b"ai", b"co", b"id", b"app", b"dev", b"pro", b"tv"))
_COMMON_ANYWHERE = frozenset(word for line in _COMMON.values() for word in _words(line))
# Words a sentence often ends with: `gut.es`, `salut.ca`. No host is called so, or hardly one that is met.
_LAST_WORDS = _words(
    "good great fine nice cool ok okay yes no bad top best super awesome thanks thank thx lol haha hahaha you me it him her them "
    "us that this here there now today tomorrow tonight later soon again too done well sure right love home work time day "
    "night week please sorry hello hi hey bye morning away back out up down off over all more much working works broken "
    "gut toll schlecht sch\xf6n schoen prima klasse danke bitte ja nein hallo tsch\xfcss heute morgen gestern jetzt hier dort "
    "da das mir dir ihn ihm uns euch so auch mal doch nicht nichts alles weg los fertig kaputt "
    "bien mal bueno bueno mejor gracias hola adi\xf3s adios vale claro hoy ma\xf1ana manana ayer ahora aqu\xed aqui casa vez "
    "mucho nada todo eso esto ella \xe9l ellos verdad perfecto genial amigo amiga chicos "
    "salut merci bonjour bonsoir oui non bon mieux demain hier maintenant ici l\xe0 moi toi lui elle nous vous rien tout fait "
    "ca \xe7a beau belle super parfait d'accord "
    "bom boa bem s\xe9 voil\xe0 ziens obrigado obrigada ol\xe1 ola sim n\xe3o nao hoje amanh\xe3 amanha ontem agora tudo nada isso ele voc\xea "
    "lindo linda legal demais "
    "bene buono bello ciao grazie s\xec si oggi domani ieri adesso qui tutto niente questo perfetto "
    "goed mooi leuk dank hoi nee vandaag gisteren nu alles niets bra tack hej nej godt tak dobrze dzieki czesc tak nie "
    "iyi evet hayir tesekk\xfcrler selam bagus baik terima kasih bine multumesc"
)
# What is before a host: prepositions and verbs that lead to one.
_LEADS_TO_A_HOST = _words(
    "on at from via visit visiting see site website web webpage page link url http https domain host hostname server go goto by "
    "www to check browse open use using through under called "
    "auf bei von unter \xfcber ueber seite besuche besuchen siehe sur chez visitez site en na pelo em p\xe1gina pagina sitio "
    "web visita visite op van bij bekijk sul dal p\xe5 fra fr\xe5n"
)
_REACH = 48
_LINE = re.compile(rb"[^\0\n\r<>]*")
_AS_WORDS = bytes(
    byte if byte >= 0xC0 or (chr(byte).isalnum() and byte < 0x80) or byte == 0x27 else 0 if byte in b"\0>\n\r" else 0x20
    for byte in range(256)
)


def is_word(top: bytes) -> bool:
    """True for a top-level domain that is a word of some language."""
    return bool(_TOP_LANGUAGES.get(top)) or top in _NAMES


def is_missing_blank(around: Surroundings, name: bytes, top: bytes) -> bool:
    """True where `name.top`, the candidate, are the end of a sentence and the beginning of the next.

    Args:
        around: the candidate; it has no further label, no port and no path.
        name: its first label, in lower case.
        top: its second, in lower case.
    """
    words = _TOP_LANGUAGES.get(top)
    written = around.candidate[-len(top) :]
    if words is None or (not name.replace(b"'", b"").isalpha() and name.isascii()):
        return False
    is_followed = around.after == b" " or around.after == b"'"
    if written[:1].isupper() and written[1:].islower() and not around.candidate[: len(name)].isupper() and is_followed:
        return True
    if not words:
        return False
    if name in _LAST_WORDS or name in _COMMON_ANYWHERE:
        return True
    before, after = _words_around(around)
    if before[-1:] and before[-1] in _LEADS_TO_A_HOST:
        return False
    return not words.isdisjoint(after[:3]) or not words.isdisjoint(before)


def _words_around(around: Surroundings) -> tuple[list[bytes], list[bytes]]:
    shadow = around.shadow
    before = shadow[max(around.floor, around.start - _REACH) : around.start].translate(_AS_WORDS).lower()
    # Whole words only, for what else is there may be a find, of which nothing is left when this is scrubbed again.
    after = _LINE.match(shadow, around.end, around.end + _REACH)[0].lower()  # type: ignore[index]
    return before.rpartition(b"\0")[2].split(), [word.rstrip(b",.!?;:") for word in after.split()]
