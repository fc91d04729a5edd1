//! Folds texts, so that a search finds a name however it is spelled, and names are sorted by their letters.
//!
//! Both stores save what this module makes of a restaurant, and search for what it makes of a query. What the stores
//! themselves know of letters differs, so they only compare.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use icu_properties::props::{
    BinaryProperty as _, DefaultIgnorableCodePoint, EnumeratedProperty as _, GeneralCategory, GeneralCategoryGroup,
    LineBreak, Script,
};

/// The version of this folding. Raise it with every change of the results here (a new version of the Unicode tables is
/// one): the stores save it beside what they folded, and fold restaurants with a lower one again.
pub const FOLDING: i16 = 1;

/// The longest sort key and the longest word, in characters. PostgreSQL's indexes limit both.
const SORT_KEY_MAX: usize = 50;
const WORD_MAX: usize = 100;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A word, perhaps with apostrophes (`'`) between its letters.
    Word(String),
    /// Adjacent characters of a script that does not separate words by spaces.
    Characters(String),
}

/// What names are sorted by: the folded name, byte by byte. Élan is sorted with E, not after Z.
#[must_use]
pub fn sort_key(name: &str) -> String {
    folded(name).chars().filter(|&c| c != '\'').take(SORT_KEY_MAX).collect()
}

/// The letters of the scripts that have cases or accents: Latin, Greek, Cyrillic and their neighbours; and punctuation.
const ALIKE: [RangeInclusive<char>; 2] = ['!'..='\u{52f}', '\u{1e00}'..='\u{206f}'];

/// The characters that fold to one character, by that one.
static BY_FOLDED: LazyLock<HashMap<char, String>> = LazyLock::new(|| {
    let mut by_folded: HashMap<char, String> = HashMap::new();
    for c in ALIKE.into_iter().flatten() {
        if let Some(folded) = folded_alone(c) {
            by_folded.entry(folded).or_default().push(c);
        }
    }
    by_folded
});

fn folded_alone(c: char) -> Option<char> {
    let folded = folded(c.encode_utf8(&mut [0; 4]));
    let mut chars = folded.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// For each character of a text, those that differ from it only in case or accent, and itself. This serves to search texts
/// that are not folded: é is found as E, but not the two letters ss as ß.
#[must_use]
pub fn alike(text: &str) -> Vec<String> {
    let composed = ComposingNormalizer::new_nfc().normalize(text);
    let alike = composed.chars().map(|c| {
        let known = folded_alone(c).and_then(|folded| BY_FOLDED.get(&folded));
        known
            .filter(|known| known.contains(c))
            .cloned()
            .unwrap_or_else(|| c.to_string())
    });
    alike.collect()
}

/// The words and characters of a text, folded. Everything that is not a letter, a digit or one of their marks
/// separates them.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    // Whether the next character may continue the last part.
    let mut open = false;
    for c in folded(text).chars() {
        let category = GeneralCategory::for_char(c);
        let is_mark = GeneralCategoryGroup::Mark.contains(category);
        let is_letter =
            GeneralCategoryGroup::Letter.contains(category) || GeneralCategoryGroup::Number.contains(category);
        match parts.last_mut() {
            Some(Part::Word(word)) if open && (is_mark || c == '\'' || (is_letter && !stands_alone(c))) => word.push(c),
            Some(Part::Characters(run)) if open && (is_mark || (is_letter && stands_alone(c))) => run.push(c),
            Some(Part::Characters(_)) if open && c == '\'' => {}
            _ if is_letter && stands_alone(c) => parts.push(Part::Characters(c.to_string())),
            _ if is_letter => parts.push(Part::Word(c.to_string())),
            _ => {
                open = false;
                continue;
            }
        }
        open = true;
    }
    for part in &mut parts {
        if let Part::Word(word) = part {
            *word = word.trim_end_matches('\'').chars().take(WORD_MAX).collect();
        }
    }
    parts
}

/// Whether words with this letter are not separated by spaces, or, in Korean, can be searched for by any syllable. These
/// are the letters between which a line may break (<https://www.unicode.org/reports/tr14/>).
fn stands_alone(c: char) -> bool {
    matches!(
        LineBreak::for_char(c),
        // Chinese, Japanese and others; kana that do not begin a line
        LineBreak::Ideographic | LineBreak::ConditionalJapaneseStarter | LineBreak::Nonstarter
        // Thai, Lao, Khmer, Burmese and others
        | LineBreak::ComplexContext
        // Korean
        | LineBreak::H2 | LineBreak::H3 | LineBreak::JL | LineBreak::JV | LineBreak::JT
    )
}

/// The text without case, accents, invisible characters, and differences of form (ﬁ, ２, ｶ). All apostrophes are `'`.
fn folded(text: &str) -> String {
    // Apostrophes are replaced on both sides, because the decomposition of some begins with a space, and of others is
    // another apostrophe.
    let visible = text
        .chars()
        .filter(|&c| !DefaultIgnorableCodePoint::for_char(c))
        .map(apostrophe);
    let plain: String = DecomposingNormalizer::new_nfkd()
        .normalize_iter(visible)
        .map(apostrophe)
        .filter(|&c| !is_accent(c))
        .collect();
    let mut letters = String::with_capacity(plain.len());
    for c in CaseMapper::new().fold_string(&plain).chars() {
        match plain_spelling(c) {
            Some(spelling) => letters.push_str(spelling),
            None => letters.push(c),
        }
    }
    // Korean syllables and voiced kana become one character again.
    ComposingNormalizer::new_nfc().normalize(&letters).into_owned()
}

/// `'` for the characters that are used as an apostrophe.
fn apostrophe(c: char) -> char {
    match c {
        '`' | '´' | '\u{1ffd}' | '‘' | '’' | '‛' | '′' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ʾ' | 'ʿ' | 'ˊ' | 'ˋ' | '՚' | '᾽'
        | '᾿' | 'ꞌ' | '＇' => '\'',
        _ => c,
    }
}

/// Whether this is a mark that the letter before it can do without. The marks of other scripts are part of the spelling:
/// か is another letter than が.
fn is_accent(c: char) -> bool {
    use Script as S;
    const VOICED: [char; 2] = ['\u{3099}', '\u{309a}'];
    matches!(
        GeneralCategory::for_char(c),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    ) && matches!(
        S::for_char(c),
        // Accents belong to no script.
        S::Inherited | S::Latin | S::Greek | S::Cyrillic | S::Hebrew | S::Arabic | S::Syriac
    ) && !VOICED.contains(&c)
}

/// The plain spelling of Latin letters that Unicode does not decompose.
fn plain_spelling(c: char) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ⱥ' => "a",
        'ƀ' => "b",
        'ȼ' => "c",
        'đ' | 'ð' | 'ɖ' => "d",
        'ə' | 'ɇ' => "e",
        'ǥ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ɉ' => "j",
        'ĸ' => "k",
        'ł' | 'ƚ' => "l",
        'ŋ' => "n",
        'ø' | 'ɵ' => "o",
        'ɍ' => "r",
        'ŧ' | 'ⱦ' => "t",
        'ʉ' => "u",
        'ɏ' => "y",
        'ƶ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(text: &str) -> Part {
        Part::Word(text.to_owned())
    }

    fn characters(text: &str) -> Part {
        Part::Characters(text.to_owned())
    }

    #[test]
    fn a_text_is_split_into_words_and_runs_of_characters() {
        for (text, expected) in [
            ("", vec![]),
            ("%_\" & 🍕 '", vec![]),
            ("Jean-Paul's 100%", vec![word("jean"), word("paul's"), word("100")]),
            ("'Rock ’n’ Roll'", vec![word("rock"), word("n"), word("roll")]),
            ("Café東京Tower", vec![word("cafe"), characters("東京"), word("tower")]),
            (
                "東京・駅 前",
                vec![characters("東京"), characters("駅"), characters("前")],
            ),
            (
                "ﾗｰﾒﾝ ｶﾞ か\u{3099}",
                vec![characters("ラーメン"), characters("ガ"), characters("が")],
            ),
            ("か\u{309a}", vec![characters("か\u{309a}")]),
            (
                "서울\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}",
                vec![characters("서울서울")],
            ),
            ("ผัดไทย", vec![characters("ผัดไทย")]),
            ("दिल्ली", vec![word("दिल्ली")]),
            ("24시간", vec![word("24"), characters("시간")]),
            ("\u{301}\u{94d}x", vec![word("x")]),
            ("so\u{ad}ft\u{200b}ly\u{200d}", vec![word("softly")]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_sorted_by_their_letters() {
        let mut names = ["Zoë", "Øl", "apple", "Äpfel", "élan", "Eland", "O’Neill", "oNeal"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(
            names,
            ["Äpfel", "apple", "élan", "Eland", "Øl", "oNeal", "O’Neill", "Zoë"]
        );
    }

    #[test]
    fn letters_are_alike_whatever_their_case_and_accent() {
        for (one, other) in [
            ('e', 'É'),
            ('É', 'e'),
            ('o', 'ø'),
            ('Σ', 'ς'),
            ('Й', 'и'),
            ('\'', '’'),
            ('ơ', 'Ở'),
        ] {
            assert!(alike(&one.to_string())[0].contains(other), "{one} {other}");
        }
        assert_eq!(alike("e\u{301}"), alike("é"), "one letter");
        assert_eq!(alike("ß%京🍕"), ["ß", "%", "京", "🍕"]);
    }

    proptest! {
        #[test]
        fn every_character_is_like_itself(c: char) {
            let composed = ComposingNormalizer::new_nfc().normalize(&c.to_string()).into_owned();
            prop_assert_eq!(alike(&c.to_string()).len(), composed.chars().count());
            prop_assert!(alike(&composed).iter().zip(composed.chars()).all(|(alike, c)| alike.contains(c)));
        }

        #[test]
        fn a_folded_text_stays_as_it_is(text: String) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }

        /// The stores separate the parts by spaces and quote them.
        #[test]
        fn parts_contain_letters_digits_and_marks_alone(text: String) {
            for part in parts(&text) {
                let (Part::Word(text) | Part::Characters(text)) = part;
                prop_assert!(!text.is_empty());
                prop_assert!(text.chars().all(|c| c == '\'' || !c.is_ascii() || c.is_ascii_alphanumeric()), "{text}");
                prop_assert!(!text.chars().any(|c| c.is_whitespace() || c.is_control()), "{text}");
            }
        }
    }
}
