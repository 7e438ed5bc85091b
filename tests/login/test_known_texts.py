"""Tests of the texts that a login ignores. `test_cache_entry` has the reasons."""

from aioalf._login.known_texts import KnownTexts


def test_no_text_is_kept() -> None:
    """The tokens in it must be forgotten by a logout."""
    texts = KnownTexts()
    texts.set_last("a secret")
    texts.supersede()
    assert texts.is_last("a secret")
    assert texts.is_ignored("a secret")
    assert "a secret" not in str(vars(texts))


def test_any_text_can_be_known() -> None:
    """A cache may return half a character."""
    texts = KnownTexts()
    texts.set_last("\ud800")
    assert texts.is_last("\ud800")
    assert not texts.is_ignored("\ud800")


def test_empty_entry_is_ignored_until_it_is_heeded() -> None:
    """None stands for it."""
    texts = KnownTexts()
    assert not texts.is_ignored(None)
    texts.ignore_empty()
    assert texts.is_ignored(None)
    texts.heed_empty()
    assert not texts.is_ignored(None)


def test_limited_number_of_texts_is_ignored() -> None:
    """A text that is read again and again stays ignored."""
    texts = KnownTexts()
    for number in range(100):
        texts.set_last(f"text {number}")
        texts.supersede()
        assert texts.is_ignored("text 0")
    assert texts.is_ignored("text 99")
    assert not texts.is_ignored("text 1")
