//! Filters and orders in the query language of Azure Resource Manager and Microsoft Graph, a part of `OData`.
//! <https://learn.microsoft.com/graph/filter-query-parameter>

use std::cmp::Ordering;

use serde_json::Value;

/// A parsed `$filter`.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Both hold.
    And(Box<Self>, Box<Self>),
    /// One of them holds.
    Or(Box<Self>, Box<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A property compared with a value, such as `displayName eq 'Ada'`.
    Compare(Path, Operator, Value),
    /// A property that is one of these values.
    In(Path, Vec<Value>),
    /// A function, such as `startswith(displayName, 'A')` or `atScope()`.
    Function(String, Vec<Argument>),
    /// An element of a list for which the filter holds, such as `servicePrincipalNames/any(n: n eq 'x')`.
    Any(Path, String, Option<Box<Self>>),
}

/// The names of a property and the properties in it.
pub type Path = Vec<String>;

/// How a property is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A property.
    Property(Path),
    /// A value.
    Value(Value),
}

/// The longest filter that is parsed, in bytes.
const LENGTH_LIMIT: usize = 10_000;
/// How deep parentheses may be nested.
const DEPTH_LIMIT: usize = 50;

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    ///
    /// A message that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_LIMIT {
            return Err("The filter is too long.".to_owned());
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
        };
        let filter = parser.or()?;
        match parser.peek() {
            None => Ok(filter),
            Some(token) => Err(format!("Syntax error: unexpected '{token}' in '{text}'.")),
        }
    }

    /// Whether the object matches. `function` decides about functions that are not the language's own.
    pub fn matches(&self, object: &Value, function: &impl Fn(&str, &[Argument]) -> bool) -> bool {
        match self {
            Self::And(one, two) => one.matches(object, function) && two.matches(object, function),
            Self::Or(one, two) => one.matches(object, function) || two.matches(object, function),
            Self::Not(inner) => !inner.matches(object, function),
            Self::Compare(path, operator, value) => compare(&get(object, path), *operator, value),
            Self::In(path, values) => {
                let found = get(object, path);
                values.iter().any(|value| compare(&found, Operator::Equal, value))
            }
            Self::Any(path, variable, inner) => {
                let list = get(object, path);
                let mut elements = list.as_array().into_iter().flatten();
                elements.any(|element| {
                    let holds = |inner: &Self| {
                        let object = serde_json::json!({ variable: element });
                        inner.matches(&object, function)
                    };
                    inner.as_deref().is_none_or(holds)
                })
            }
            Self::Function(name, arguments) => {
                let text = |argument: &Argument| match argument {
                    Argument::Property(path) => get(object, path).as_str().unwrap_or_default().to_lowercase(),
                    Argument::Value(value) => value.as_str().unwrap_or_default().to_lowercase(),
                };
                match (name.to_ascii_lowercase().as_str(), arguments.as_slice()) {
                    ("startswith", [one, two]) => text(one).starts_with(&text(two)),
                    ("endswith", [one, two]) => text(one).ends_with(&text(two)),
                    ("contains", [one, two]) => text(one).contains(&text(two)),
                    ("substringof", [one, two]) => text(two).contains(&text(one)),
                    _ => function(name, arguments),
                }
            }
        }
    }
}

/// The property at a path. The case of names is ignored, and `$count` is the length of a list.
#[must_use]
pub fn get(object: &Value, path: &[String]) -> Value {
    let mut found = object;
    for name in path {
        let next = match found {
            Value::Array(list) if name.eq_ignore_ascii_case("$count") => return list.len().into(),
            Value::Object(object) => object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)),
            _ => None,
        };
        match next {
            Some((_, value)) => found = value,
            None => return Value::Null,
        }
    }
    found.clone()
}

fn compare(found: &Value, operator: Operator, value: &Value) -> bool {
    let order = order(found, value);
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// How two values are ordered. The case of texts is ignored, as both services do.
#[must_use]
pub fn order(one: &Value, two: &Value) -> Option<Ordering> {
    match (one, two) {
        (Value::String(one), Value::String(two)) => Some(one.to_lowercase().cmp(&two.to_lowercase())),
        (Value::Number(one), Value::Number(two)) => one.as_f64()?.partial_cmp(&two.as_f64()?),
        (Value::Bool(one), Value::Bool(two)) => Some(one.cmp(two)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

/// The words, marks and texts of a filter. A text starts with its quote.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => {}
            '(' | ')' | ',' | ':' | '/' => tokens.push(character.to_string()),
            '\'' => {
                let mut value = String::from("'");
                loop {
                    match characters.next() {
                        // A quote in a text is written twice.
                        Some('\'') if characters.peek() == Some(&'\'') => {
                            characters.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(format!("There is an unterminated string literal in '{text}'.")),
                    }
                }
                tokens.push(value);
            }
            _ => {
                let mut word = String::from(character);
                while let Some(next) = characters.next_if(|next| !" \t(),:/'".contains(*next)) {
                    word.push(next);
                }
                tokens.push(word);
            }
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "Syntax error: the filter ends too early.".to_owned())
    }

    /// Takes the word or mark if it is next.
    fn take(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.take(wanted) {
            return Ok(());
        }
        let found = self.peek().unwrap_or("the end");
        Err(format!("Syntax error: expected '{wanted}', not '{found}'."))
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut filter = self.and()?;
        while self.take("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.and()?));
        }
        Ok(filter)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut filter = self.not()?;
        while self.take("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.not()?));
        }
        Ok(filter)
    }

    fn not(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err("The filter is nested too deeply.".to_owned());
        }
        let filter = if self.take("not") {
            Filter::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            inner
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn condition(&mut self) -> Result<Filter, String> {
        let mut path = vec![self.name()?];
        while self.take("/") {
            path.push(self.name()?);
        }
        if self.take("(") {
            let name = path.pop().expect("the path has a name");
            if name.eq_ignore_ascii_case("any") && !path.is_empty() {
                return self.any(path);
            }
            return self.function(name);
        }
        let word = self.next()?.to_ascii_lowercase();
        let operator = match word.as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "in" => {
                self.expect("(")?;
                let mut values = vec![self.value()?];
                while self.take(",") {
                    values.push(self.value()?);
                }
                self.expect(")")?;
                return Ok(Filter::In(path, values));
            }
            other => return Err(format!("Syntax error: '{other}' is not an operator.")),
        };
        Ok(Filter::Compare(path, operator, self.value()?))
    }

    fn any(&mut self, path: Path) -> Result<Filter, String> {
        if self.take(")") {
            return Ok(Filter::Any(path, String::new(), None));
        }
        let variable = self.name()?;
        self.expect(":")?;
        let inner = self.or()?;
        self.expect(")")?;
        Ok(Filter::Any(path, variable, Some(Box::new(inner))))
    }

    fn function(&mut self, name: String) -> Result<Filter, String> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            let is_value = self.peek().is_some_and(|token| token.starts_with('\''));
            arguments.push(if is_value {
                Argument::Value(self.value()?)
            } else {
                let mut path = vec![self.name()?];
                while self.take("/") {
                    path.push(self.name()?);
                }
                Argument::Property(path)
            });
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(Filter::Function(name, arguments))
    }

    fn name(&mut self) -> Result<String, String> {
        let token = self.next()?;
        let is_name = token.starts_with(|first: char| first.is_alphabetic() || "$_@".contains(first));
        if is_name {
            return Ok(token);
        }
        Err(format!("Syntax error: expected a property, not '{token}'."))
    }

    fn value(&mut self) -> Result<Value, String> {
        let token = self.next()?;
        if let Some(text) = token.strip_prefix('\'') {
            return Ok(text.into());
        }
        match token.to_ascii_lowercase().as_str() {
            "true" => return Ok(true.into()),
            "false" => return Ok(false.into()),
            "null" => return Ok(Value::Null),
            _ => {}
        }
        if let Ok(number) = token.parse::<f64>() {
            return Ok(number.into());
        }
        // A GUID or a time may be written without quotes.
        if token.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Ok(token.into());
        }
        Err(format!("Syntax error: expected a value, not '{token}'."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(filter: &str, object: &Value) -> bool {
        let known = |name: &str, _: &[Argument]| name == "atScope";
        Filter::parse(filter)
            .unwrap_or_else(|error| panic!("{filter}: {error}"))
            .matches(object, &known)
    }

    #[test]
    fn objects_are_filtered() {
        let ada = json!({
            "displayName": "Ada O'Neil", "accountEnabled": true, "age": 36, "mail": null,
            "servicePrincipalNames": ["api://x", "11111111-1111-1111-1111-111111111111"],
            "tags": {"environment": "Test"},
            "keys": [{"name": "one"}],
        });
        for (filter, expected) in [
            ("displayName eq 'ada o''neil'", true),
            ("DisplayName ne 'Ada'", true),
            ("startswith(displayName,'ada')", true),
            ("startsWith(displayName, 'Bob')", false),
            ("endswith(displayName,'neil') and accountEnabled eq true", true),
            ("accountEnabled eq false or age gt 40", false),
            ("age ge 36 and age lt 37", true),
            ("not (age eq 36)", false),
            ("mail eq null", true),
            ("nothing eq null", true),
            ("nothing eq 'x'", false),
            (
                "servicePrincipalNames/any(c:c eq '11111111-1111-1111-1111-111111111111')",
                true,
            ),
            ("servicePrincipalNames/any(c:startswith(c,'api:'))", true),
            ("servicePrincipalNames/any(c:c eq 'y')", false),
            ("servicePrincipalNames/any()", true),
            ("servicePrincipalNames/$count eq 2", true),
            ("keys/$count gt 1", false),
            ("keys/any(k:k/name eq 'one')", true),
            ("tags/environment eq 'test'", true),
            ("displayName in ('x','Ada O''Neil')", true),
            ("displayName in ('x')", false),
            ("atScope()", true),
            ("atScope() and age eq 1", false),
            ("assignedTo('x')", false),
            ("substringof('neil', displayName)", true),
        ] {
            assert_eq!(matches(filter, &ada), expected, "{filter}");
        }
    }

    #[test]
    fn a_wrong_filter_is_refused() {
        for filter in [
            "",
            "displayName",
            "displayName eq",
            "displayName is 'x'",
            "displayName eq 'x",
            "displayName eq 'x' and",
            "(displayName eq 'x'",
            "displayName eq 'x')",
            "'x' eq displayName",
            "a/any(b eq 'c')",
            "eq eq",
            &"(".repeat(100),
            &"not ".repeat(1000),
            &"x".repeat(20_000),
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
