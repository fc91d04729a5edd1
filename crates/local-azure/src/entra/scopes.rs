//! What a program asks for on behalf of a user.
//! <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>

use uuid::Uuid;

use super::error::OAuthError;
use crate::state::{Application, State};
use crate::tokens::GRAPH;

/// The scopes of `OpenID` Connect, which name no resource.
const STANDARD: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// The permission that a token has if the program has not asked for certain ones.
const DEFAULT_PERMISSION: &str = "user_impersonation";

/// What a program asks for. All permissions are those of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// The resource, such as `https://graph.microsoft.com`.
    pub resource: String,
    /// The permissions, without the resource. Empty for `/.default`, and if no resource is named.
    permissions: Vec<String>,
    sent: Vec<String>,
}

impl Scopes {
    /// Parses the scopes of a request for tokens. Those without a resource are Microsoft Graph's.
    ///
    /// # Errors
    ///
    /// A scope is invalid, or they name several resources.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let (scopes, is_whole) = Self::of_first_resource(text)?;
        if is_whole {
            return Ok(scopes);
        }
        Err(OAuthError::request(
            "invalid_request",
            28_000,
            format!(
                "Provided value for the input parameter scope is not valid because it contains more than one resource. \
                 Scope {text} is not valid."
            ),
        ))
    }

    /// Parses the scopes of a sign-in, where a program may ask for those of several resources. The token is for the first.
    ///
    /// # Errors
    ///
    /// A scope is invalid.
    pub fn of_sign_in(text: &str) -> Result<Self, OAuthError> {
        Self::of_first_resource(text).map(|(scopes, _)| scopes)
    }

    /// Returns whether there is no other resource, too.
    fn of_first_resource(text: &str) -> Result<(Self, bool), OAuthError> {
        let sent: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        let mut found: Option<(&str, Vec<String>)> = None;
        let mut is_whole = true;
        for scope in sent.iter().filter(|scope| !STANDARD.contains(&scope.as_str())) {
            let (resource, permission) = match scope.rsplit_once('/') {
                Some((resource, permission)) if resource.contains("://") => (resource, permission),
                None => (GRAPH, scope.as_str()),
                Some(_) => return Err(invalid(scope)),
            };
            let (first, permissions) = found.get_or_insert((resource, Vec::new()));
            if first.trim_end_matches('/') != resource.trim_end_matches('/') {
                is_whole = false;
            } else if permission != ".default" {
                permissions.push(permission.to_owned());
            }
        }
        let (resource, permissions) = found.unwrap_or((GRAPH, Vec::new()));
        let resource = resource.to_owned();
        let scopes = Self {
            resource,
            permissions,
            sent,
        };
        Ok((scopes, is_whole))
    }

    /// The scopes as they were sent.
    pub fn text(&self) -> String {
        self.sent.join(" ")
    }

    /// Whether a scope of `OpenID` Connect was sent.
    pub fn has(&self, scope: &str) -> bool {
        self.sent.iter().any(|sent| sent == scope)
    }

    /// Checks that the tenant knows the resource, and that the resource has the permissions if it is an application.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn check(&self, state: &State, client: Uuid) -> Result<(), OAuthError> {
        if !state.knows_resource(&self.resource) {
            let text = state.unknown_resource(&self.resource);
            return Err(OAuthError::request("invalid_resource", 500_011, text));
        }
        let Some(api) = state.application_of(&self.resource) else {
            return Ok(());
        };
        let exposed = exposed(api);
        match self.permissions.iter().find(|scope| !exposed.contains(&scope.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(OAuthError::request(
                "invalid_client",
                650_053,
                format!(
                    "The application '{client}' asked for scope '{unknown}' that doesn't exist on the resource '{}'. \
                     Contact the app vendor.",
                    api.client_id
                ),
            )),
        }
    }

    /// The value of the claim `scp`: the permissions that were asked for, or all that the application has.
    pub fn granted(&self, state: &State) -> String {
        if !self.permissions.is_empty() {
            return self.permissions.join(" ");
        }
        let all = state.application_of(&self.resource).map(exposed).unwrap_or_default();
        if all.is_empty() {
            return DEFAULT_PERMISSION.to_owned();
        }
        all.join(" ")
    }

    /// The scopes of the answer. Clients look there for those that they asked for.
    pub fn answer(&self, granted: &str) -> String {
        let mut all: Vec<_> = self
            .sent
            .iter()
            .filter(|scope| *scope != "offline_access")
            .cloned()
            .collect();
        for permission in granted.split(' ') {
            let scope = format!("{}/{permission}", self.resource);
            let is_there = |sent: &String| *sent == scope || sent == permission;
            if !all.iter().any(is_there) {
                all.push(scope);
            }
        }
        all.join(" ")
    }
}

/// The permissions that an application lets other programs have on behalf of users.
fn exposed(api: &Application) -> Vec<&str> {
    let scopes = api.properties.get("api").map(|api| &api["oauth2PermissionScopes"]);
    let scopes = scopes.and_then(|scopes| scopes.as_array()).into_iter().flatten();
    let enabled = scopes.filter(|scope| scope["isEnabled"] != false);
    enabled.filter_map(|scope| scope["value"].as_str()).collect()
}

fn invalid(scope: &str) -> OAuthError {
    let text = format!(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter \
         'scope' is not valid. The scope {scope} is not valid."
    );
    OAuthError::request("invalid_scope", 70_011, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scope_names_a_resource_and_a_permission() {
        for (scope, resource, granted) in [
            (
                "https://management.core.windows.net//.default offline_access openid profile",
                "https://management.core.windows.net/",
                "user_impersonation",
            ),
            (
                "openid https://graph.microsoft.com/User.Read Mail.Read",
                GRAPH,
                "User.Read Mail.Read",
            ),
            ("offline_access User.Read", GRAPH, "User.Read"),
            ("openid profile", GRAPH, "user_impersonation"),
            ("api://my-api/read", "api://my-api", "read"),
        ] {
            let scopes = Scopes::parse(scope).unwrap();
            assert_eq!(scopes.resource, resource, "{scope}");
            assert_eq!(scopes.granted(&State::default()), granted, "{scope}");
        }
        for (wrong, code) in [("a/b", 70_011), ("User.Read api://my-api/read", 28_000)] {
            assert_eq!(Scopes::parse(wrong).unwrap_err().code(), code, "{wrong}");
        }
        let several = Scopes::of_sign_in("openid api://my-api/read User.Read").unwrap();
        assert_eq!(several.resource, "api://my-api");
        assert!(several.has("openid") && !several.has("profile"));
    }

    #[test]
    fn an_application_has_only_the_permissions_that_it_exposes() {
        let mut api = Application::new("api");
        api.identifier_uris.push("api://my-api".to_owned());
        let scopes = json!({"oauth2PermissionScopes": [
            {"value": "read", "isEnabled": true}, {"value": "write"}, {"value": "old", "isEnabled": false},
        ]});
        api.properties.insert("api".to_owned(), scopes);
        let mut state = State::default();
        state.directory.register(api);
        let check = |scope: &str| {
            let scopes = Scopes::parse(scope).unwrap();
            let granted = scopes.granted(&state);
            let checked = scopes.check(&state, Uuid::nil());
            checked.map(|()| scopes.answer(&granted)).map_err(|error| error.code())
        };
        for (scope, expected) in [
            ("openid api://my-api/read", Ok("openid api://my-api/read")),
            (
                "api://my-api/.default offline_access",
                Ok("api://my-api/.default api://my-api/read api://my-api/write"),
            ),
            ("api://my-api/old", Err(650_053)),
            ("api://my-api/read api://my-api/other", Err(650_053)),
            ("api://other/read", Err(500_011)),
            ("User.Read", Ok("User.Read")),
        ] {
            assert_eq!(check(scope), expected.map(str::to_owned), "{scope}");
        }
    }
}
