//! `$search`, such as `"displayName:ada" OR "mail:ada"`.
//! <https://learn.microsoft.com/graph/search-query-parameter>

use serde_json::Value;

use super::error::GraphError;
use super::schema;
use crate::odata::get;

/// The properties that can be searched.
const SEARCHABLE: [&str; 8] = [
    "description",
    "displayName",
    "givenName",
    "mail",
    "mailNickname",
    "otherMails",
    "surname",
    "userPrincipalName",
];

/// Alternatives, each of which is a list of properties and texts that must all be found.
pub struct Search(Vec<Vec<(String, String)>>);

impl Search {
    pub fn matches(&self, value: &Value) -> bool {
        let is_found = |(property, text): &(String, String)| {
            let found = get(value, std::slice::from_ref(property));
            match &found {
                Value::Array(all) => all.iter().filter_map(Value::as_str).any(|one| has(one, text)),
                one => one.as_str().is_some_and(|one| has(one, text)),
            }
        };
        self.0.iter().any(|terms| terms.iter().all(is_found))
    }
}

/// Whether the value or one of its words starts with the text.
fn has(value: &str, text: &str) -> bool {
    let value = value.to_lowercase();
    let mut words = value.split(|c: char| !c.is_alphanumeric());
    words.any(|word| word.starts_with(text)) || value.starts_with(text)
}

/// Parses a search. `AND` binds more strongly than `OR`.
pub fn parse(text: &str, kind: &str) -> Result<Search, GraphError> {
    let invalid = || GraphError::bad_request("Syntax error: the search must have the form \"property:text\".");
    let mut alternatives = vec![Vec::new()];
    let mut rest = text.trim();
    loop {
        let (term, after) = rest
            .strip_prefix('"')
            .and_then(|rest| rest.split_once('"'))
            .ok_or_else(invalid)?;
        let (property, wanted) = term.split_once(':').ok_or_else(invalid)?;
        let is_searchable = SEARCHABLE.iter().any(|name| name.eq_ignore_ascii_case(property));
        if !is_searchable || !schema::has(kind, property) {
            return Err(GraphError::bad_request(format!(
                "Property '{property}' cannot be searched."
            )));
        }
        let last = alternatives.last_mut().ok_or_else(invalid)?;
        last.push((property.to_owned(), wanted.to_lowercase()));
        let after = after.trim();
        rest = match after.split_once(char::is_whitespace) {
            None if after.is_empty() => return Ok(Search(alternatives)),
            Some(("AND", next)) => next.trim_start(),
            Some(("OR", next)) => {
                alternatives.push(Vec::new());
                next.trim_start()
            }
            _ => return Err(invalid()),
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn terms_are_combined() {
        let ada = json!({"displayName": "Ada Lovelace", "mail": null, "otherMails": ["ada@analytical.example"]});
        for (text, expected) in [
            ("\"displayName:love\"", Some(true)),
            ("\"displayName:ove\"", Some(false)),
            ("\"displayName:ada\" AND \"mail:ada\"", Some(false)),
            ("\"displayName:ada\" OR \"mail:ada\"", Some(true)),
            ("\"mail:x\" AND \"mail:x\" OR \"displayName:ada love\"", Some(true)),
            ("\"otherMails:ada@\"", Some(true)),
            ("displayName:ada", None),
            ("\"ada\"", None),
            ("\"id:ada\"", None),
            ("\"displayName:ada\" or \"mail:ada\"", None),
            ("\"displayName:ada\" AND", None),
            ("\"displayName:ada", None),
            ("", None),
        ] {
            let found = parse(text, "users").ok().map(|search| search.matches(&ada));
            assert_eq!(found, expected, "{text}");
        }
        assert!(parse("\"userPrincipalName:x\"", "groups").is_err());
    }
}
