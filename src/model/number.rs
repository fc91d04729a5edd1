//! Numbers in addresses.

/// The number, if this is how it is written. The standard library also reads `+7`, `07` and `-0`; with these, one page
/// would have many addresses, and each would be a page of its own for every cache.
pub(super) fn written_number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_has_one_spelling(number: i64, sign in "[+-]?", zeros in "0{1,3}") {
            prop_assert_eq!(written_number(&number.to_string()), Some(number));
            for other in [format!("+{number}"), format!("{sign}{zeros}{}", number.unsigned_abs()), format!(" {number}")] {
                prop_assert_eq!(written_number(&other), None, "{}", other);
            }
        }
    }
}
