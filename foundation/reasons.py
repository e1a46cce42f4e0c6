"""The closed list of reasons that a fault or a problem gives, for programs. docs/problems.md says what each asks for."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Which rule was broken, in a word that never varies."""

    BAD_EXPECTATION = "bad_expectation"
    BODY_INCOMPLETE = "body_incomplete"
    CONSENT_MISSING = "consent_missing"
    CONTENT_LENGTH = "content_length"
    DUPLICATE = "duplicate"
    EMPTY_BODY = "empty_body"
    ENCODING_DAMAGED = "encoding_damaged"
    ERASED = "erased"
    ID_CONFLICT = "id_conflict"
    KEY_RETIRED = "key_retired"
    MISSING = "missing"
    MISSING_FIELD = "missing_field"
    NOT_A_LIST = "not_a_list"
    NOT_ALLOWED = "not_allowed"
    NOT_AN_OBJECT = "not_an_object"
    NOT_FOUND = "not_found"
    NOT_IN_LIST = "not_in_list"
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    NOT_XML = "not_xml"
    NOT_YAML = "not_yaml"
    NUL_CHARACTER = "nul_character"
    OUT_OF_RANGE = "out_of_range"
    PERSONAL = "personal"
    TOKEN_MISSING = "token_missing"  # noqa: S105 - the name of a reason
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    TOO_MANY_SIGNALS = "too_many_signals"
    TOO_OLD = "too_old"
    UNDECLARED = "undeclared"
    UNKNOWN_FIELD = "unknown_field"
    WEAK = "weak"
    WRONG_TYPE = "wrong_type"
    WRONG_VALUE = "wrong_value"
