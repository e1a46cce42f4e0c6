"""Checksums against published examples, and against what one changed character must do to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.anonymization import checks

DIGITS = st.text("0123456789", min_size=1, max_size=25)


def luhn_digit(digits: str) -> str:
    total = sum(
        sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)


class TestLuhn:
    @given(DIGITS)
    def test_exactly_one_check_digit_holds(self, digits):
        holding = [last for last in "0123456789" if checks.luhn_holds((digits + last).encode())]

        assert holding == [luhn_digit(digits)]

    def test_no_digits_do_not_hold(self):
        assert not checks.luhn_holds(b"")


class TestCards:
    @pytest.mark.parametrize(
        "number",
        [
            "378282246310005",
            "5555555555554444",
            "2223003122003222",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "5019717010103742",
            "6759649826438453",
            "122000000000003",
            "4222222222222",
        ],
    )
    def test_test_numbers_of_the_networks_are_cards(self, number):
        assert checks.is_card(number.encode())

    @pytest.mark.parametrize(
        "number", ["9999999999999995", "356868000041412", "1748503543012", "79927398713", "0" * 16]
    )
    def test_luhn_alone_makes_no_card(self, number):
        assert not checks.is_card(number.encode())


class TestIban:
    # The examples of the SWIFT IBAN registry.
    @pytest.mark.parametrize(
        "iban",
        [
            "AD1200012030200359100100",
            "AE070331234567890123456",
            "AT611904300234573201",
            "BE68539007547034",
            "BR9700360305000010009795493P1",
            "CH9300762011623852957",
            "DE89370400440532013000",
            "ES9121000418450200051332",
            "FR1420041010050500013M02606",
            "GB29NWBK60161331926819",
            "GR1601101250000000012300695",
            "IT60X0542811101000000123456",
            "MT84MALT011000012345MTLCAST001S",
            "NL91ABNA0417164300",
            "NO9386011117947",
            "PL61109010140000071219812874",
            "SA0380000000608010167519",
            "SE4550000000058398257466",
            "TR330006100519786457841326",
            "LC55HEMM000100010012001200023015",
        ],
    )
    def test_examples_of_the_registry_hold_and_fail_with_another_last_character(self, iban):
        other = "1" if iban[-1] != "1" else "2"

        assert checks.iban_holds(iban.encode())
        assert not checks.iban_holds((iban[:-1] + other).encode())
        assert not checks.iban_holds((iban + "0").encode())


class TestAddresses:
    @pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "::", "::1", "::ffff:1.2.3.4", "fe80::1%eth0"])
    def test_read_by_the_standard_library(self, address):
        assert checks.is_ip_address(address.encode())

    @pytest.mark.parametrize("address", ["", "1.2.3", "01.2.3.4", "1::2::3", ":", "g::1"])
    def test_refused_by_the_standard_library(self, address):
        assert not checks.is_ip_address(address.encode())


class TestSocialSecurityNumbers:
    @pytest.mark.parametrize(
        ("number", "valid"),
        [
            ("536904399", True),
            ("853371694", True),
            ("000123456", False),
            ("666123456", False),
            ("900123456", False),
            ("536004399", False),
            ("536900000", False),
            ("078051120", False),
            ("53690439", False),
        ],
    )
    def test_rules_of_the_administration(self, number, valid):
        assert checks.is_social_security_number(number.encode()) is valid


class TestCoins:
    @pytest.mark.parametrize(
        "address",
        [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",
        ],
    )
    def test_base58_addresses_hold_and_fail_with_two_letters_swapped(self, address):
        swapped = address[:10] + address[11] + address[10] + address[12:]

        assert checks.base58_holds(address.encode())
        assert not checks.base58_holds(swapped.encode())

    # Test vectors of BIP 173 and BIP 350.
    @pytest.mark.parametrize(
        ("address", "valid"),
        [
            ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", True),
            ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", True),
            ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", True),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", False),
            ("bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", False),
            ("tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", False),
        ],
    )
    def test_vectors_of_the_proposals(self, address, valid):
        assert checks.bech32_holds(address.encode()) is valid


class TestInternationalNumbers:
    @pytest.mark.parametrize("digits", ["14155550132", "442071234567", "4402071234567", "4915112345678", "24762889"])
    def test_fit_the_plan_of_their_country(self, digits):
        assert checks.is_international_number(digits.encode())

    @pytest.mark.parametrize("digits", ["", "1", "11155550132", "1415555013", "99912345678", "0044207123456", "45123"])
    def test_do_not_fit(self, digits):
        assert not checks.is_international_number(digits.encode())
