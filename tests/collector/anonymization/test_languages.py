"""Words of many languages that say what a number is."""

from __future__ import annotations

import pytest

from collector.anonymization.languages import folded, in_english
from collector.anonymization.scrub import scrub_text

# Without trunk zero or country, so that only the word before tells.
PHONES = {
    "ar": [("رقم هاتفي {}", "501234567"), ("اتصل بي على {}", "٥٠١٢٣٤٥٦٧"), ("هاتف: {}", "50 123 4567")],
    "bn": [("আমার ফোন নম্বর {}", "1712345678"), ("যোগাযোগ {}", "1712345678")],
    "cs": [("volejte {}", "601 123 456")],
    "de": [
        ("mein Handy: {}", "176 12345678"),
        ("ruf mich an unter {}", "176 12345678"),
        ("Telefonnr. {}", "30 123456"),
    ],
    "el": [("κάλεσέ με {}", "6912345678"), ("κινητό: {}", "691 234 5678")],
    "en": [
        ("my number is {}", "4155552671"),
        ("whatsapp {}", "9876543210"),
        ("📱{}", "9876543210"),
        ("☎️ {}", "2125550143"),
    ],
    "es": [("llámame al {}", "612 345 678"), ("mi número es {}", "612345678")],
    "fa": [("تلفن: {}", "9121234567")],
    "fi": [("soita {}", "40 1234567")],
    "fr": [("appelez-moi au {}", "6 12 34 56 78"), ("mon numéro {}", "612345678")],
    "he": [("טלפון {}", "501234567")],
    "hi": [("मेरा मोबाइल नंबर {} है", "9876543210"), ("फोन: {}", "98765 43210")],
    "id": [("nomor HP saya {}", "81234567890"), ("hubungi {}", "812-3456-7890")],
    "it": [("chiamami al {}", "347 1234567"), ("il mio numero {}", "3471234567")],
    "ja": [("電話 {}", "312345678"), ("携帯は{}です", "9012345678")],
    "ko": [("전화번호는 {} 입니다", "10-1234-5678"), ("내 번호 {}", "1012345678"), ("연락처: {}", "1012345678")],
    "nl": [("bel mij op {}", "6 12345678"), ("mijn nummer is {}", "612345678")],
    "pl": [("zadzwoń {}", "512 345 678"), ("mój numer to {}", "512345678")],
    "pt": [("ligue para {}", "11 91234-5678"), ("meu celular {}", "11912345678")],
    "ru": [("телефон {}", "9123456789"), ("тел. {}", "495 123-45-67"), ("звоните {}", "89123456789")],
    "th": [("โทร {}", "812345678")],
    "tr": [("numaram {}", "5321234567"), ("telefon numaram {}", "532 123 45 67"), ("cep: {}", "532 123 45 67")],
    "ur": [("میرا نمبر {} ہے", "3001234567"), ("رابطہ کریں {}", "3001234567")],
    "vi": [("số điện thoại {}", "912 345 678"), ("gọi cho tôi {}", "912345678"), ("SĐT: {}", "912345678")],
    "zh": [("我的手机是{}，请打给我", "13800138000"), ("打给我 {}", "138-0013-8000"), ("手機 {}", "912345678")],
}
# Numbers that look like one to dial, called something else.
OTHER_NUMBERS = [
    "order #0123456789",
    "order no. 0012345678901",
    "invoice: 0049123456789",
    "tracking 00340434161094",
    "commande n° 0612345678",
    "colis 0033612345678",
    "pedido 0123456789",
    "Bestellnummer 0176123456",
    "Sendungsnummer 00340434161094015902",
    "sipariş no 05321234567",
    "pesanan 081234567890",
    "mã đơn hàng 0912345678",
    "zamówienie nr 0512345678",
    "παραγγελία 2101234567",
    "номер заказа 89123456789",
    "订单号：13812345678，请查收",
    "注文番号 0901234567",
    "주문번호 01012345678",
    "طلب رقم 0501234567",
    "ऑर्डर 09876543210",
    "bingo 01 22 33 44 55",
    "loto: 03 11 24 35 42",
    "numbers 05 12 23 34 41 48",
    "sizes 36 38 40 42 44 46",
    "tailles 036 038 040",
    "pages 012 034 056 078",
    "0101 0102 0103",
]
VERSIONS = [
    "{} is out".format("version 3.18.6.21"),
    'appVersion: "3.18.6.21"',
    "firmwareVersion=10.2.3.4",
    "版本号：3.18.6.21",
    "バージョン3.18.6.21",
    "버전 3.18.6.21",
    "версия 3.18.6.21",
    "الإصدار 3.18.6.21",
    "संस्करण 3.18.6.21",
    "έκδοση 3.18.6.21",
    "versión 3.18.6.21",
    "sürüm 3.18.6.21",
    "wersja 3.18.6.21",
    "phiên bản 3.18.6.21",
    "versions 1.2.3.4, 1.2.3.5, 1.2.3.6 and 1.2.3.7",
    "update from 3.18.6.21 to 3.18.6.22",
    "lib-3.18.6.21.jar app-3.18.6.21.apk linux-5.15.0.76.deb",
    "mylib-1.2.3.4-SNAPSHOT",
    "Mozilla/5.0 Chrome/30.0.0.0 Firefox/1.5.0.5",
]


class TestPhones:
    @pytest.mark.parametrize(
        ("sentence", "number"),
        [pytest.param(*pair, id=f"{lang}-{n}") for lang, pairs in PHONES.items() for n, pair in enumerate(pairs)],
    )
    def test_a_number_is_what_the_word_before_calls_it(self, sentence, number):
        assert scrub_text(sentence.format(number)).text == sentence.format("<PHONE_NUMBER>")

    @pytest.mark.parametrize("number", ["8(912)345-67-89", "8-912-345-67-89", "0(532) 123 45 67", "0 532 123 45 67"])
    def test_a_trunk_prefix_may_stand_apart(self, number):
        assert scrub_text(number).text == "<PHONE_NUMBER>"

    @pytest.mark.parametrize(
        "key",
        [
            "userPhone: ",
            "contactNo=",
            "phone_number: ",
            "PhoneNumber=",
            '"mobileNumber": "',
            "workTelephone=",
            "myFax: ",
        ],
    )
    def test_a_key_is_read_as_its_words(self, key):
        assert scrub_text(f"{key}4155552671").text == f"{key}<PHONE_NUMBER>"

    @pytest.mark.parametrize(
        "text", ["iPhone 41555526", "ePhoto 4155552671", "myOrderNumber=0155552671", "itemCode: 0155552671"]
    )
    def test_other_keys_are_not(self, text):
        assert scrub_text(text).text == text


class TestOtherNumbers:
    @pytest.mark.parametrize("text", OTHER_NUMBERS)
    def test_stay(self, text):
        assert scrub_text(text).text == text


class TestVersions:
    @pytest.mark.parametrize("text", VERSIONS)
    def test_stay(self, text):
        assert scrub_text(text).text == text

    @pytest.mark.parametrize(
        "text", ["ip {}", "{}-10.0.0.20", "ping {} and 10.0.0.2", "host/{}", "5 servers, {}", "{}.", "Server/{}"]
    )
    def test_addresses_go(self, text):
        assert "10.0.0.1" not in scrub_text(text.format("10.0.0.1")).text.split()


class TestWords:
    def test_endings_and_prefixes_do_not_matter(self):
        assert in_english("по телефону").split()[-1] == "phone"
        assert in_english("بالهاتف").split()[-1] == "phone"

    def test_a_word_within_a_word_is_none(self):
        assert "phone" not in in_english("отель учитель")

    def test_accents_and_wide_forms_are_folded(self):
        assert folded("Größe Łódź ＴＥＬ Türkçe İ") == "grosse lodz tel turkce i"
