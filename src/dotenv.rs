//! The settings in the file `.env`.

use std::io::ErrorKind;
use std::path::Path;

/// Adds the settings in the file, if there is one, to the environment. Variables that are set already keep their values.
/// Returns warnings. This must be called before any thread starts.
pub fn load(file: &Path) -> Result<Vec<String>, String> {
    let name = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{name} cannot be read: {error}.")),
    };
    let (text, comments) = literal(&text);
    match dotenvy::from_read(text.as_bytes()) {
        Ok(()) => Ok(comments
            .into_iter()
            .map(|line| {
                format!(
                    "{name}, line {line}: the text from # on is a comment, and not a part of the value. Put the value \
                     in single quotes if it is one, or else the comment on a line of its own."
                )
            })
            .collect()),
        // The line may contain a secret, so the message does not quote it.
        Err(dotenvy::Error::LineParse(_, _)) => Err(format!(
            "{name} has a line that cannot be read. Write each line as NAME=value, and put a value with blanks, quotes \
             or backslashes in single quotes."
        )),
        Err(error) => Err(format!("{name} cannot be read: {error}.")),
    }
}

/// The text without comments, in which every dollar sign stands for itself, and the numbers of the lines that had a
/// comment after a value.
///
/// dotenvy loses the line after a comment such as `PORT=1  # don't`, where it takes the apostrophe for a quote. It replaces `$NAME` by the value of a variable, so that `DBPASS=pa$word` would silently become `pa`.
fn literal(text: &str) -> (String, Vec<usize>) {
    let mut changed = String::with_capacity(text.len());
    let mut comments = Vec::new();
    let (mut quote, mut is_escaped, mut is_comment) = (None, false, false);
    // A comment begins at the start of a line or of a value, or after a blank.
    let (mut may_be_comment, mut has_value) = (true, false);
    let mut line = 1;
    for c in text.chars() {
        let is_plain = quote.is_none() && !is_escaped;
        if is_comment {
            is_comment = c != '\n';
        } else if is_escaped {
            is_escaped = false;
        } else if quote == Some('\'') {
            quote = quote.filter(|_| c != '\'');
        } else {
            match c {
                '\\' => is_escaped = true,
                '$' => changed.push('\\'),
                '"' if quote.is_some() => quote = None,
                '"' | '\'' if quote.is_none() => quote = Some(c),
                '#' if quote.is_none() && may_be_comment => {
                    is_comment = true;
                    comments.extend(has_value.then_some(line));
                }
                _ => {}
            }
        }
        if !is_comment {
            changed.push(c);
        }
        may_be_comment = is_plain && (c.is_whitespace() || c == '=' && !has_value);
        has_value |= c == '=';
        if c == '\n' {
            line += 1;
            has_value &= !is_plain;
        }
    }
    // dotenvy does not read a last line that ends with a blank.
    changed.push('\n');
    (changed, comments)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The settings that dotenvy reads in the text, and the lines with warnings.
    fn read(text: &str) -> (Vec<(String, String)>, Vec<usize>) {
        let (text, comments) = literal(text);
        let settings = dotenvy::from_read_iter(text.as_bytes()).map(|one| one.expect(&text));
        (settings.collect(), comments)
    }

    proptest! {
        #[test]
        fn a_value_is_kept(value in "[$#!-~é][ -~é]{0,20}[$#!-~é]", dollars in "[a-z${}#]{1,12}") {
            let is_bare = |value: &str| !value.starts_with('#') && !value.contains([' ', '\'', '"', '\\']);
            let double = value.replace('\\', r"\\").replace('"', "\\\"");
            let mut lines = vec![format!("A=\"{double}\""), format!("A='{}'", dollars)];
            let mut values = vec![value.clone(), dollars.clone()];
            // dotenvy does not read a line whose single quotes hold a backslash before the last of them.
            if !value.contains(['\'', '\\']) {
                lines.push(format!("export A = '{value}'"));
                values.push(value.clone());
            }
            for bare in [&value, &dollars] {
                if is_bare(bare) {
                    lines.push(format!("A={bare}"));
                    values.push(bare.clone());
                }
            }
            let (found, warned) = read(&(lines.join("\n") + "\n"));
            let found: Vec<_> = found.into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(found, values);
            prop_assert_eq!(warned, Vec::<usize>::new());
        }

        /// Whatever is cut off is warned about.
        #[test]
        fn a_cut_value_is_warned_about(start in "[a-z=$]{0,6}", blanks in "[ \t]{1,3}", end in "[a-z#=$' ]{0,8}") {
            let text = format!("# A=1 # no value\n\nA=\"two\nlines # here\"\nB={start}{blanks}#{end}\nC=ok\n");
            let (found, warned) = read(&text);
            let values: Vec<_> = found.iter().map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(values, ["two\nlines # here", &start, "ok"]);
            prop_assert_eq!(warned, [5]);
        }
    }

    #[test]
    fn a_hash_at_the_start_of_a_value_is_warned_about() {
        for (text, value, warned) in [
            ("A=#b\n", "", vec![1]),
            ("A= #b", "", vec![1]),
            ("A=b#c", "b#c", vec![]),
            ("A=b=#c", "b=#c", vec![]),
            ("A='b'#c", "b#c", vec![]),
            (r"A=b\ #c", "b #c", vec![]),
            (r"A=b\$c", "b$c", vec![]),
            ("A=$HOME/${HOME}$", "$HOME/${HOME}$", vec![]),
        ] {
            let (found, lines) = read(text);
            assert_eq!((found[0].1.as_str(), lines), (value, warned), "{text}");
        }
    }
}
