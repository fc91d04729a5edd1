//! The rules for text in forms.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The errors in a form: one message for each invalid field. The key is the name of the field in the form, so that a
/// template can show the message beside it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<&'static str, String>);

impl FieldErrors {
    /// Adds a message for a field. The first message for a field stays.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.entry(field).or_insert_with(|| message.into());
    }

    /// The message for this field, if it is invalid.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// Whether there are no errors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How many marks (accents, vowel signs) one letter may have. Vietnamese has two, pointed Arabic three, Hebrew with vowels
/// and chant five. Far more cover the lines above and below.
const MARKS_MAX: usize = 6;

/// Normalises a text before it is checked, counted and stored. Browsers send line ends as CR LF (HTML standard,
/// "constructing the form data set"); surrounding spaces are removed. A text that shows nothing becomes empty.
pub(super) fn normalised(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let text = text.trim();
    if text.chars().all(shows_nothing) {
        String::new()
    } else {
        text.to_owned()
    }
}

/// Whether nothing can be seen of this character when it is alone: a space, a format character, a filler, or a mark
/// without its letter.
fn shows_nothing(c: char) -> bool {
    c.is_whitespace() || is_ignorable(c) || is_mark(c) || category(c) == GeneralCategory::Format || is_blank_symbol(c)
}

/// Blank characters that Unicode counts among the symbols: the Braille pattern without dots, the null note head.
fn is_blank_symbol(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}')
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn is_mark(c: char) -> bool {
    category(c) == GeneralCategory::SpacingMark || is_stacked(c)
}

/// Whether this mark is placed above, below or around its letter.
fn is_stacked(c: char) -> bool {
    matches!(
        category(c),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    )
}

/// Code points that Unicode keeps for programs and never assigns to a character.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// The text without the characters that change the direction of the text around them, for places where no markup can
/// isolate it: the title of a page, an attribute.
#[must_use]
pub fn without_direction_controls(text: &str) -> Cow<'_, str> {
    let controls = CodePointSetData::new::<BidiControl>();
    if text.is_ascii() || !text.chars().any(|c| controls.contains(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|&c| !controls.contains(c)).collect())
}

/// The most stacked marks that a single letter of this text has.
fn most_marks(text: &str) -> usize {
    let (mut most, mut marks) = (0, 0);
    for c in text.chars() {
        // Joiners and variation selectors stand between a letter and its marks.
        if is_ignorable(c) {
            continue;
        }
        if is_stacked(c) {
            marks += 1;
            most = most.max(marks);
        } else if !is_mark(c) {
            marks = 0;
        }
    }
    most
}

/// Adds a message if `text` is longer than `max` Unicode scalar values, or has characters that cannot be shown or
/// stored: control characters (PostgreSQL refuses NUL), noncharacters, and U+FFFD, which replaces bytes that are not
/// UTF-8; or if it has too many marks on a letter. Line breaks and tabs are allowed if `multiline`.
pub(super) fn check(
    errors: &mut FieldErrors,
    field: &'static str,
    label: &str,
    text: &str,
    max: usize,
    multiline: bool,
) {
    let length = text.chars().count();
    if length > max {
        errors.add(
            field,
            format!("{label} is too long: {length} characters, at most {max} are allowed."),
        );
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        errors.add(
            field,
            format!("{label} was not sent as UTF-8 text. Replace each � with the character that you meant."),
        );
    }
    let refused = |c: char| match c {
        '\n' | '\t' => !multiline,
        c => c.is_control() || is_noncharacter(c),
    };
    if text.chars().any(refused) {
        errors.add(
            field,
            format!("{label} contains characters that cannot be shown. Remove them and send again."),
        );
    }
    if most_marks(text) > MARKS_MAX {
        errors.add(
            field,
            format!("{label} has more than {MARKS_MAX} accents or other marks on one letter. Remove some of them."),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_count_as_one_character() {
        assert_eq!(normalised(" a\r\nb\rc \n"), "a\nb\nc");
    }

    #[test]
    fn limits_count_scalar_values_not_bytes() {
        let mut errors = FieldErrors::default();
        check(&mut errors, "f", "Name", &"é".repeat(50), 50, false);
        check(&mut errors, "f", "Name", &"🍕".repeat(50), 50, false);
        assert!(errors.is_empty());
        check(&mut errors, "f", "Name", &"🍕".repeat(51), 50, false);
        assert_eq!(
            errors.get("f"),
            Some("Name is too long: 51 characters, at most 50 are allowed.")
        );
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["a\0b", "a\u{1b}[31mb", "a\u{7f}", "line\nbreak"] {
            let mut errors = FieldErrors::default();
            check(&mut errors, "f", "Name", bad, 50, false);
            assert!(!errors.is_empty(), "{bad:?}");
        }
        let mut errors = FieldErrors::default();
        check(&mut errors, "f", "Review", "line\nbreak\tand tab", 50, true);
        assert!(errors.is_empty());
    }

    fn error(text: &str, multiline: bool) -> Option<String> {
        let mut errors = FieldErrors::default();
        check(&mut errors, "f", "Name", &normalised(text), 500, multiline);
        errors.get("f").map(str::to_owned)
    }

    /// Characters of every kind: the first blocks, the special ones, and the end of every plane.
    fn many_chars() -> impl Iterator<Item = char> {
        let plane_ends = (0..=0x10).flat_map(|plane| plane << 16 | 0xfff0..=plane << 16 | 0xffff);
        (0..0x3400)
            .chain(0xfb00..0xfff0)
            .chain(plane_ends)
            .filter_map(char::from_u32)
    }

    #[test]
    fn a_text_that_shows_nothing_is_empty() {
        let named = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180e}\u{200b}\u{200d}\u{200e}\u{202e}\u{2060}\u{2068}\
                     \u{2800}\u{3000}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{1d159}\u{e0001}\u{e0041}\u{e0100}\u{301}\u{20e3}\u{93e}";
        let invisible: Vec<char> = named.chars().collect();
        for &c in &invisible {
            assert_eq!(normalised(&format!(" {c}{c}\n{c}")), "", "U+{:04X}", u32::from(c));
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            let text: String = (0..random.usize(1..20))
                .map(|_| *random.choice(&invisible).expect("many"))
                .collect();
            assert_eq!(normalised(&text), "", "{text:?}");
            // One character that can be seen is enough.
            let seen = random.choice("aé한字ก❤🍕-.".chars().collect::<Vec<_>>()).expect("many");
            assert_eq!(normalised(&format!("{text}{seen}")), format!("{text}{seen}").trim());
        }
    }

    #[test]
    fn letters_digits_and_punctuation_are_never_empty() {
        for c in many_chars().filter(|c| c.is_alphanumeric() || c.is_ascii_graphic()) {
            // Hangul fillers are letters without a shape, and many vowel signs are alphabetic marks.
            assert!(
                !normalised(&c.to_string()).is_empty() || is_ignorable(c) || is_mark(c),
                "U+{:04X}",
                u32::from(c)
            );
        }
    }

    #[test]
    fn every_control_character_and_noncharacter_is_refused() {
        let mut noncharacters = 0;
        for c in many_chars() {
            let text = format!("a{c}b");
            let line_end = matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
            let noncharacter =
                matches!(c, '\u{fdd0}'..='\u{fdef}') || matches!(u32::from(c) % 0x1_0000, 0xfffe | 0xffff);
            noncharacters += usize::from(noncharacter);
            let refused = c.is_control() || noncharacter || c == char::REPLACEMENT_CHARACTER;
            assert_eq!(
                error(&text, false).is_some(),
                refused || line_end,
                "U+{:04X}",
                u32::from(c)
            );
            assert_eq!(
                error(&text, true).is_some(),
                refused && !line_end && c != '\t',
                "U+{:04X}",
                u32::from(c)
            );
        }
        assert_eq!(noncharacters, 66);
    }

    #[test]
    fn too_many_marks_on_one_letter_are_refused() {
        let message = "Name has more than 6 accents or other marks on one letter. Remove some of them.";
        let marks: Vec<char> = many_chars().filter(|&c| is_stacked(c) && !is_ignorable(c)).collect();
        assert!(marks.len() > 500);
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            // Neither a joiner, nor a variation selector, nor a spacing mark starts a new letter.
            let joined = |random: &mut fastrand::Rng, count| -> String {
                let between = ["", "", "\u{200d}", "\u{34f}", "\u{fe0f}", "\u{93e}"];
                let mut mark = || {
                    format!(
                        "{}{}",
                        random.choice(between).expect("some"),
                        random.choice(&marks).expect("some")
                    )
                };
                (0..count).map(|_| mark()).collect()
            };
            let count = random.usize(MARKS_MAX + 1..60);
            let (few, many) = (joined(&mut random, MARKS_MAX), joined(&mut random, count));
            let letter = random.choice(["e", "", "ก", "🍕"]).expect("some");
            assert_eq!(error(&format!("Caf{letter}{many}s"), false).as_deref(), Some(message));
            assert_eq!(error(&format!("Caf{letter}{few}x{few}"), false), None);
        }
    }

    #[test]
    fn ordinary_text_of_any_language_is_accepted() {
        for text in [
            "Pho\u{31b}\u{309} Ho\u{300}a", // Vietnamese, decomposed
            "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים יְרוּשָׁלַ֗\u{34f}ִם",
            "بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ ٱلرَّحِيمِ",
            "ที่นี่ น้ำปั่น",
            "བསྒྲུབས་ཨོཾ་མ་ཎི་པདྨེ་ཧཱུྃ",
            "क्षत्रिय श्रीकृष्णः र्क्ष्म्य",
            "ကြွေးကြော် ဗြူး",
            "ភោជនីយដ្ឋាន",
            "e\u{328}\u{304}\u{301} ṩ̄ Ĳ́",
            "👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ #️⃣ ❤️‍🔥 👩🏽‍🍳 🇻🇳",
            "\u{202b}עברית\u{202c} \u{200e}mixed\u{200f} \u{202e}x\u{202c} \u{2067}a\u{2069}",
        ] {
            assert_eq!(error(text, false), None, "{text}");
            assert_eq!(normalised(text), text);
        }
    }

    #[test]
    fn direction_controls_are_removed_where_nothing_can_isolate_them() {
        assert_eq!(without_direction_controls("Café שלום"), "Café שלום");
        let controls: String = ('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain(['\u{61c}', '\u{200e}', '\u{200f}'])
            .collect();
        assert_eq!(without_direction_controls(&format!("a{controls}b")), "ab");
    }
}
