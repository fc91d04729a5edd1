//! What clients write into the log.

/// The text without characters that could start a new line or change how the line looks.
pub fn one_line(text: &str) -> String {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            )
    };
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_line() {
        for (text, expected) in [
            ("Zoë O'Neil", "Zoë O'Neil"),
            ("a\n2026 GET /", "a\\n2026 GET /"),
            ("\u{1b}[2J\u{202e}", "\\u{1b}[2J\\u{202e}"),
            ("\u{61c}\u{9b}\u{2028}\u{2069}", "\\u{61c}\\u{9b}\\u{2028}\\u{2069}"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }
}
