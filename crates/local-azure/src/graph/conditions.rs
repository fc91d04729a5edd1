//! `$filter`, and what some queries need.
//! <https://learn.microsoft.com/graph/aad-advanced-queries>

use super::call::Call;
use super::error::GraphError;
use super::schema;
use crate::odata::{Argument, Filter, Operator, Path};

/// The filter that the query asks for.
pub fn filter(call: &Call, kind: &str) -> Result<Option<Filter>, GraphError> {
    let Some(text) = call.query("$filter").filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let filter = Filter::parse(text).map_err(|error| invalid(&error))?;
    let mut check = Check {
        kind,
        variables: Vec::new(),
        is_advanced: false,
    };
    check.filter(&filter)?;
    if check.is_advanced && schema::is_directory(kind) {
        needs_advanced(call, "this $filter")?;
    }
    Ok(Some(filter))
}

fn invalid(why: &str) -> GraphError {
    GraphError::bad_request(format!("Invalid filter clause: {why}"))
}

struct Check<'a> {
    kind: &'a str,
    /// The variables of the enclosing `any` expressions.
    variables: Vec<String>,
    /// Whether Graph accepts the filter only in an advanced query.
    is_advanced: bool,
}

impl Check<'_> {
    fn filter(&mut self, filter: &Filter) -> Result<(), GraphError> {
        match filter {
            Filter::And(one, two) | Filter::Or(one, two) => {
                self.filter(one)?;
                self.filter(two)
            }
            Filter::Not(inner) => {
                self.is_advanced = true;
                self.filter(inner)
            }
            Filter::Compare(path, operator, _) => {
                self.is_advanced |= *operator == Operator::NotEqual;
                self.path(path)
            }
            Filter::In(path, _) => self.path(path),
            Filter::Any(path, variable, inner) => {
                self.path(path)?;
                let Some(inner) = inner else { return Ok(()) };
                self.variables.push(variable.clone());
                self.filter(inner)?;
                self.variables.pop();
                Ok(())
            }
            Filter::Function(name, arguments) => self.function(name, arguments),
        }
    }

    fn path(&mut self, path: &Path) -> Result<(), GraphError> {
        self.is_advanced |= path.last().is_some_and(|last| last.eq_ignore_ascii_case("$count"));
        let first = path.first().map(String::as_str).unwrap_or_default();
        let is_variable = self.variables.iter().any(|name| name.eq_ignore_ascii_case(first));
        if is_variable || schema::has(self.kind, first) {
            return Ok(());
        }
        Err(invalid(&schema::missing(self.kind, first)))
    }

    fn function(&mut self, name: &str, arguments: &[Argument]) -> Result<(), GraphError> {
        match name.to_ascii_lowercase().as_str() {
            "startswith" => {}
            "endswith" => self.is_advanced = true,
            "contains" if !schema::is_directory(self.kind) => {}
            "contains" => {
                let message = "Unsupported Query: the operator 'contains' is not supported for this resource.";
                return Err(GraphError::unsupported_query(message));
            }
            _ => return Err(invalid(&format!("An unknown function with name '{name}' was found."))),
        }
        let [Argument::Property(path), Argument::Value(value)] = arguments else {
            return Err(invalid(&format!(
                "No function signature for the function with name '{name}' matches the specified arguments."
            )));
        };
        if !value.is_string() {
            return Err(invalid(&format!("The second argument of '{name}' must be a string.")));
        }
        self.path(path)
    }
}

/// # Errors
///
/// The request has no header `ConsistencyLevel: eventual`.
pub fn needs_consistency(call: &Call, what: &str) -> Result<(), GraphError> {
    let level = call
        .headers
        .get("consistencylevel")
        .and_then(|level| level.to_str().ok());
    if level.is_some_and(|level| level.eq_ignore_ascii_case("eventual")) {
        return Ok(());
    }
    Err(GraphError::unsupported_query(format!(
        "Request with {what} query parameter only works through MSGraph with a special request header: \
         'ConsistencyLevel: eventual'."
    )))
}

/// # Errors
///
/// The request does not have that header, or does not ask for the count.
pub fn needs_advanced(call: &Call, what: &str) -> Result<(), GraphError> {
    needs_consistency(call, what)?;
    if wants_count(call) {
        return Ok(());
    }
    Err(GraphError::unsupported_query(format!(
        "Request with {what} needs the query parameter '$count=true'."
    )))
}

/// Whether the query asks for the number of objects.
pub fn wants_count(call: &Call) -> bool {
    let count = call.query("$count");
    count.is_some_and(|count| count.eq_ignore_ascii_case("true"))
}
