//! `$expand`: related objects in the answer.
//! <https://learn.microsoft.com/graph/query-parameters#expand>

use axum::http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::call::Call;
use super::error::GraphError;
use super::objects::Objects;
use super::schema;
use crate::state::State;

/// How many related objects are shown.
const LIMIT: usize = 20;

/// The relations that are shown, with the properties that are selected from them.
#[derive(Default)]
pub struct Expand(Vec<(String, Option<Vec<String>>)>);

impl Expand {
    pub fn of(call: &Call, kind: &str) -> Result<Self, GraphError> {
        let known: &[&str] = match kind {
            "users" => &["memberOf"],
            "groups" => &["memberOf", "members", "owners"],
            "applications" => &["owners"],
            "servicePrincipals" => &["memberOf", "owners"],
            _ => &[],
        };
        let mut relations = Vec::new();
        let Some(text) = call.query("$expand").filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        for part in split(text) {
            let (name, options) = part.split_once('(').unwrap_or((part, ""));
            let failed = |why: &str| {
                let message = format!("Parsing OData Select and Expand failed: {why}");
                GraphError::new(StatusCode::BAD_REQUEST, "BadRequest", message)
            };
            let found = known.iter().find(|known| known.eq_ignore_ascii_case(name.trim()));
            let found = found.ok_or_else(|| failed(&schema::missing(kind, name.trim())))?;
            let selected = match options.trim_end_matches(')').split_once('=') {
                None if options.is_empty() => None,
                Some((option, names)) if option.trim().trim_start_matches('$').eq_ignore_ascii_case("select") => {
                    Some(names.split(',').map(|name| name.trim().to_owned()).collect())
                }
                _ => return Err(failed(&format!("the options of '{found}' are not supported."))),
            };
            relations.push(((*found).to_owned(), selected));
        }
        Ok(Self(relations))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(relation, _)| relation == name)
    }

    /// Adds the related objects.
    pub fn apply(&self, call: &Call, kind: &str, values: &mut [Value]) {
        if self.0.is_empty() {
            return;
        }
        let state = call.azure.state();
        let objects = Objects::of(&state);
        for value in values {
            let id = value["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
            for (relation, selected) in &self.0 {
                let ids = id.map(|id| related(&state, kind, id, relation)).unwrap_or_default();
                let mut shown = objects.show_all(ids.iter().take(LIMIT));
                for object in shown.iter_mut().filter_map(Value::as_object_mut) {
                    object.retain(|name, _| {
                        let is_selected = |names: &Vec<String>| names.iter().any(|one| one.eq_ignore_ascii_case(name));
                        name == "@odata.type" || selected.as_ref().is_none_or(is_selected)
                    });
                }
                value[relation] = shown.into();
            }
        }
    }
}

/// The parts between commas that are not in parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c: char| {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn related(state: &State, kind: &str, id: Uuid, relation: &str) -> Vec<Uuid> {
    let directory = &state.directory;
    let group = || directory.groups.iter().find(|one| one.id == id);
    let ids = match (kind, relation) {
        (_, "memberOf") => {
            let groups = directory.groups.iter().filter(|one| one.members.contains(&id));
            return groups.map(|one| one.id).collect();
        }
        ("groups", "members") => group().map(|one| &one.members),
        ("groups", _) => group().map(|one| &one.owners),
        ("applications", _) => {
            let mut all = directory.applications.iter();
            all.find(|one| one.id == id).map(|one| &one.owners)
        }
        _ => {
            let mut all = directory.service_principals.iter();
            all.find(|one| one.id == id).map(|one| &one.owners)
        }
    };
    ids.cloned().unwrap_or_default()
}
