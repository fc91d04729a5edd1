//! SQL identifiers and texts.

/// Quotes a name so that SQL reads it as one identifier.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text so that SQL reads it as one literal.
pub(crate) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(quote_identifier("site"), r#""site""#);
        assert_eq!(quote_identifier(r#"Ada's "site""#), r#""Ada's ""site""""#);
        assert_eq!(quote_text(r#"Ada's "site""#), r#"'Ada''s "site"'"#);
    }
}
