//! Ids of resources.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of a subscription, a resource group, a resource or a part of a resource, such as
/// `/subscriptions/<id>/resourceGroups/rg/providers/Microsoft.Web/sites/contoso`. It is also the scope of role
/// assignments. Ids that differ only in case are equal, and each is displayed as it was written.
/// <https://learn.microsoft.com/rest/api/resources/resources/get-by-id>
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(Arc<Parsed>);

struct Parsed {
    text: String,
    /// The text in lower case, for comparisons.
    key: String,
    kind: String,
}

/// The text is not the id of a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a resource id: {why}")]
pub struct InvalidResourceId {
    text: String,
    why: &'static str,
}

/// More than the longest id that Azure accepts.
const LENGTH_LIMIT: usize = 2048;

impl ResourceId {
    /// The id of a subscription.
    #[must_use]
    pub fn subscription(id: uuid::Uuid) -> Self {
        Self::known(&format!("/subscriptions/{id}"))
    }

    /// The id of a part of this resource, such as `child("databases", "reviews")`. `kind` may contain slashes for types
    /// between this one and the last, whose names are `default`.
    ///
    /// # Panics
    ///
    /// Panics if the name is not permitted in an id.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        self.try_child(kind, name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same for a name that may be wrong.
    ///
    /// # Errors
    ///
    /// The name is not permitted in an id.
    pub fn try_child(&self, kind: &str, name: &str) -> Result<Self, InvalidResourceId> {
        let id: Self = format!("{self}/{kind}/{name}").parse()?;
        if name.contains('/') {
            return Err(InvalidResourceId {
                text: id.to_string(),
                why: "a name contains a slash",
            });
        }
        Ok(id)
    }

    /// The id of a resource in this resource group or subscription, or of an extension of this resource.
    ///
    /// # Panics
    ///
    /// Panics if the name is not permitted in an id.
    #[must_use]
    pub fn resource(&self, kind: &str, name: &str) -> Self {
        let scope = if self.is_root() { "" } else { self.as_str() };
        Self::known(&format!("{scope}/providers/{kind}/{name}"))
    }

    /// An id that is built from valid parts.
    fn known(text: &str) -> Self {
        Self::from_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The id as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The id in lower case.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The resource type, such as `Microsoft.Web/sites`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Whether it is the id of a resource of that type.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.0.kind.eq_ignore_ascii_case(kind)
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.text.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is `/`, the scope that contains every other one.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.key == "/"
    }

    /// The resource group, if it is in one or is one.
    #[must_use]
    pub fn resource_group(&self) -> Option<&str> {
        let mut parts = self.0.text.split('/').skip(1);
        let is_in_subscription = parts.next()?.eq_ignore_ascii_case("subscriptions");
        let is_group = parts.nth(1)?.eq_ignore_ascii_case("resourceGroups");
        parts.next().filter(|_| is_in_subscription && is_group)
    }

    /// The id of the resource group, if it is in one or is one.
    #[must_use]
    pub fn group(&self) -> Option<Self> {
        self.resource_group()?;
        let end = self.0.text.match_indices('/').nth(4);
        let end = end.map_or(self.0.text.len(), |(at, _)| at);
        Some(Self::known(&self.0.text[..end]))
    }

    /// Whether it is `other` or contains it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let rest = other.0.key.strip_prefix(&self.0.key);
        self.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for ResourceId {
    type Err = InvalidResourceId;

    fn from_str(text: &str) -> Result<Self, InvalidResourceId> {
        let invalid = |why| {
            let text = text.chars().take(200).collect();
            Err(InvalidResourceId { text, why })
        };
        if text.len() > LENGTH_LIMIT {
            return invalid("it is too long");
        }
        let Some(path) = text.strip_prefix('/') else {
            return invalid("it does not start with a slash");
        };
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Ok(Self(Arc::new(Parsed {
                text: "/".to_owned(),
                key: "/".to_owned(),
                kind: String::new(),
            })));
        }
        if path.chars().any(|c| c.is_control() || "\\%?#".contains(c)) {
            return invalid("it contains a character that no id contains");
        }
        let parts: Vec<_> = path.split('/').collect();
        if parts.iter().any(|part| matches!(part.trim(), "" | "." | "..")) {
            return invalid("a part is empty, or consists of dots");
        }
        match kind(&parts) {
            Some(kind) => {
                let text = format!("/{path}");
                // Types are compared the same way: a letter that is equal in one comparison only could pass a rule unseen.
                let key = text.to_ascii_lowercase();
                Ok(Self(Arc::new(Parsed { text, key, kind })))
            }
            None => invalid("a type or a name is missing"),
        }
    }
}

/// The type of the resource with these parts.
fn kind(parts: &[&str]) -> Option<String> {
    let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
    let mut kind = String::new();
    let mut rest = parts;
    if let [first, _, tail @ ..] = rest
        && is(first, "subscriptions")
    {
        "Microsoft.Resources/subscriptions".clone_into(&mut kind);
        rest = tail;
        if let [first, _, tail @ ..] = rest
            && is(first, "resourceGroups")
        {
            "Microsoft.Resources/resourceGroups".clone_into(&mut kind);
            rest = tail;
        }
    }
    while let [providers, namespace, tail @ ..] = rest {
        if !is(providers, "providers") || !namespace.is_ascii() {
            return None;
        }
        (*namespace).clone_into(&mut kind);
        rest = tail;
        let mut types = 0;
        while let [name_of_type, _, tail @ ..] = rest
            && !is(name_of_type, "providers")
        {
            if !name_of_type.is_ascii() {
                return None;
            }
            kind.push('/');
            kind.push_str(name_of_type);
            rest = tail;
            types += 1;
        }
        if types == 0 {
            return None;
        }
    }
    (rest.is_empty() && !kind.is_empty()).then_some(kind)
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidResourceId;

    fn try_from(text: String) -> Result<Self, InvalidResourceId> {
        text.parse()
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0.text.clone()
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.key.hash(hasher);
    }
}

/// Ids are ordered and compared as their lower-case forms.
impl Borrow<str> for ResourceId {
    fn borrow(&self) -> &str {
        self.key()
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "/subscriptions/S/resourceGroups/Rg/providers/Microsoft.Web/sites/Contoso";

    fn id(text: &str) -> ResourceId {
        text.parse().unwrap()
    }

    #[test]
    fn the_case_of_an_id_is_ignored_but_kept() {
        let (app, other) = (id(APP), id(&APP.to_uppercase()));
        assert_eq!(app, other);
        assert_eq!(app.cmp(&other), Ordering::Equal);
        assert_eq!(app.to_string(), APP);
        assert_eq!(serde_json::to_value(&app).unwrap(), APP);
        assert_eq!(id(&format!("{APP}/")), app);
        assert_eq!(app.name(), "Contoso");
        assert_eq!(app.resource_group(), Some("Rg"));
        assert_eq!(app.group(), Some(id("/subscriptions/S/resourceGroups/Rg")));
        // A provider's own type has that name.
        for other in ["/", "/subscriptions/S", "/providers/A.B/resourceGroups/Rg"] {
            assert_eq!(id(other).group(), None, "{other}");
        }
    }

    #[test]
    fn an_id_has_a_type() {
        for (text, kind) in [
            ("/", ""),
            ("/subscriptions/S", "Microsoft.Resources/subscriptions"),
            (
                "/subscriptions/S/resourceGroups/Rg",
                "Microsoft.Resources/resourceGroups",
            ),
            (APP, "Microsoft.Web/sites"),
            (&format!("{APP}/config/web"), "Microsoft.Web/sites/config"),
            (
                &format!("{APP}/providers/Microsoft.Authorization/locks/l"),
                "Microsoft.Authorization/locks",
            ),
            (
                "/subscriptions/S/providers/Microsoft.Authorization/roleAssignments/a",
                "Microsoft.Authorization/roleAssignments",
            ),
            (
                "/providers/Microsoft.Authorization/roleDefinitions/d",
                "Microsoft.Authorization/roleDefinitions",
            ),
        ] {
            assert_eq!(id(text).kind(), kind, "{text}");
        }
        assert!(id(APP).is("microsoft.web/SITES"));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "subscriptions/S",
            "/subscriptions",
            "/subscriptions//resourceGroups/Rg",
            "/subscriptions/S/resourceGroups",
            "/subscriptions/S/providers/Microsoft.Web",
            "/subscriptions/S/providers/Microsoft.Web/sites",
            "/subscriptions/S/sites/x",
            "/subscriptions/S/resourceGroups/../providers/Microsoft.Web/sites/x",
            "/subscriptions/S/resourceGroups/a%2Fb",
            "/subscriptions/S/resourceGroups/a\nb",
            "/x/y",
            &format!("/subscriptions/{}", "S".repeat(3000)),
        ] {
            assert!(text.parse::<ResourceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_contains_what_is_below_it() {
        let app = id(APP);
        for (scope, contains) in [
            ("/", true),
            ("/subscriptions/s", true),
            ("/subscriptions/S2", false),
            ("/subscriptions/s/resourcegroups/rg", true),
            ("/subscriptions/S/resourceGroups/R", false),
            (APP, true),
            (&format!("{APP}/config/web"), false),
        ] {
            assert_eq!(id(scope).contains(&app), contains, "{scope}");
        }
        assert!(!app.contains(&id("/")));
        assert!(app.try_child("config", "web").is_ok());
        for name in ["", "a/b", "a/b/c", "..", "a?b"] {
            assert!(app.try_child("config", name).is_err(), "{name}");
        }
    }
}
