//! App Service Authentication, as an app has configured it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{View as _, WebApp};
use crate::state::State;
use crate::state::resource_id::ResourceId;

/// The part of an app that holds the settings, in the form of version 2.
/// <https://learn.microsoft.com/azure/templates/microsoft.web/sites/config-authsettingsv2>
pub const AUTHENTICATION: (&str, &str) = ("config", "authsettingsV2");
/// The secret of that part that is the client secret which the classic form sets.
pub const CLIENT_SECRET: &str = "clientSecret";

/// The lifetime of a session unless the app sets another one.
/// <https://learn.microsoft.com/azure/app-service/configure-authentication-oauth-tokens>
const SESSION_LIFETIME: Duration = Duration::from_hours(8);
/// How long a sign-in may take unless the app sets another limit.
const NONCE_LIFETIME: Duration = Duration::from_mins(5);

/// What happens to a request of a visitor who is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnauthenticatedAction {
    /// The app gets it.
    AllowAnonymous,
    /// The visitor is sent to the sign-in page.
    RedirectToLoginPage,
    /// It is refused with status 401.
    Return401,
    /// It is refused with status 403.
    Return403,
}

impl UnauthenticatedAction {
    /// All of them with Azure's names.
    pub const ALL: [(&str, Self); 4] = [
        ("RedirectToLoginPage", Self::RedirectToLoginPage),
        ("AllowAnonymous", Self::AllowAnonymous),
        ("Return401", Self::Return401),
        ("Return403", Self::Return403),
    ];

    /// The action with that name, whose case is ignored.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        Some(all.find(|(known, _)| known.eq_ignore_ascii_case(name))?.1)
    }

    /// Azure's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

/// App Service Authentication of an app.
#[derive(Clone, PartialEq)]
pub struct Authentication {
    /// Whether it is on.
    pub is_enabled: bool,
    /// What happens to a request of a visitor who is not signed in.
    pub unauthenticated: UnauthenticatedAction,
    /// The paths to which [`Self::unauthenticated`] does not apply. One that ends with `/*` stands for everything below.
    pub excluded_paths: Vec<String>,
    /// Whether plain HTTP is redirected to HTTPS.
    pub requires_https: bool,
    /// The client id of the application that signs visitors in. `None` if Microsoft Entra is not configured.
    pub client_id: Option<String>,
    /// The tenant's issuer (`openIdIssuer`).
    pub issuer: Option<String>,
    /// The app setting with the client secret.
    pub secret_setting: Option<String>,
    /// The client secret, if it is not in an app setting.
    pub secret: Option<String>,
    /// More parameters of the sign-in page, such as `domain_hint=contoso.com`.
    pub login_parameters: Vec<String>,
    /// Whether the app gets the visitors' tokens.
    pub has_token_store: bool,
    /// Addresses of other sites to which signing in and out may lead.
    pub allowed_redirects: Vec<String>,
    /// How long a session lasts. `None` means as long as the ID token.
    pub session_lifetime: Option<Duration>,
    /// How long a sign-in may take.
    pub nonce_lifetime: Duration,
}

impl Authentication {
    /// That of an app. It is off unless the app has configured it.
    #[must_use]
    pub fn of(state: &State, app: &ResourceId) -> Self {
        let (kind, name) = AUTHENTICATION;
        let Some(part) = state.get(&app.child(kind, name)).filter(|_| app.is(WebApp::KIND)) else {
            return Self::read(&Map::new(), None);
        };
        Self::read(&part.properties, part.secrets.get(CLIENT_SECRET).cloned())
    }

    /// Reads the settings in the form of version 2.
    fn read(settings: &Map<String, Value>, secret: Option<String>) -> Self {
        let settings = json!(settings);
        let at = |path: &str| settings.pointer(path).filter(|value| !value.is_null());
        let flag = |path: &str| at(path).and_then(Value::as_bool);
        let text = |path: &str| {
            let text = at(path).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let texts = |path: &str| -> Vec<String> {
            let list = at(path).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let span = |path: &str| text(path).and_then(|text| time_span(&text));
        let action = text("/globalValidation/unauthenticatedClientAction");
        let action = action.and_then(|name| UnauthenticatedAction::named(&name));
        let unauthenticated = match (flag("/globalValidation/requireAuthentication"), action) {
            (Some(false), _) => UnauthenticatedAction::AllowAnonymous,
            // Contradictory settings must not let anyone in.
            (Some(true), None | Some(UnauthenticatedAction::AllowAnonymous)) | (None, None) => {
                UnauthenticatedAction::RedirectToLoginPage
            }
            (_, Some(action)) => action,
        };
        let has_entra = flag("/identityProviders/azureActiveDirectory/enabled") != Some(false);
        let registration = |name: &str| text(&format!("/identityProviders/azureActiveDirectory/registration/{name}"));
        let is_derived = text("/login/cookieExpiration/convention")
            .is_some_and(|convention| convention.eq_ignore_ascii_case("IdentityProviderDerived"));
        let lifetime = span("/login/cookieExpiration/timeToExpiration").unwrap_or(SESSION_LIFETIME);
        Self {
            is_enabled: flag("/platform/enabled") == Some(true),
            unauthenticated,
            excluded_paths: texts("/globalValidation/excludedPaths"),
            requires_https: flag("/httpSettings/requireHttps") != Some(false),
            client_id: registration("clientId").filter(|_| has_entra),
            issuer: registration("openIdIssuer"),
            secret_setting: registration("clientSecretSettingName"),
            secret,
            login_parameters: texts("/identityProviders/azureActiveDirectory/login/loginParameters"),
            has_token_store: flag("/login/tokenStore/enabled") == Some(true),
            allowed_redirects: texts("/login/allowedExternalRedirectUrls"),
            session_lifetime: (!is_derived).then_some(lifetime),
            nonce_lifetime: span("/login/nonce/nonceExpirationInterval").unwrap_or(NONCE_LIFETIME),
        }
    }

    /// Whether a path is one of the excluded ones.
    ///
    /// A path that an app might read as another one is none of them: with dot segments, backslashes, repeated slashes or
    /// encoded characters.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let is_plain = !path.contains("//")
            && !path.contains(['%', '\\', ';'])
            && !path.split('/').any(|segment| segment == "." || segment == "..");
        is_plain
            && self.excluded_paths.iter().any(|excluded| {
                let below = excluded.strip_suffix('*').filter(|prefix| prefix.ends_with('/'));
                path == excluded || below.is_some_and(|prefix| path.starts_with(prefix))
            })
    }
}

/// Parses a time span of .NET, such as `08:00:00` or `1.00:30:00`.
#[must_use]
pub fn time_span(text: &str) -> Option<Duration> {
    let (days, time) = match text.split_once('.') {
        Some((days, rest)) if rest.contains(':') => (days.parse::<u32>().ok()?, rest),
        _ => (0, text),
    };
    let (time, _fraction) = time.split_once('.').unwrap_or((time, ""));
    let parts: Vec<u32> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else {
        return None;
    };
    if hours >= 24 || minutes >= 60 || seconds >= 60 {
        return None;
    }
    let seconds = u64::from(days) * 86_400 + u64::from(hours * 3600 + minutes * 60 + seconds);
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &Value) -> Authentication {
        Authentication::read(settings.as_object().unwrap(), None)
    }

    #[test]
    fn contradictory_settings_let_nobody_in() {
        use UnauthenticatedAction::{AllowAnonymous, RedirectToLoginPage, Return401, Return403};
        for (required, action, expected) in [
            (json!(null), json!(null), RedirectToLoginPage),
            (json!(true), json!("AllowAnonymous"), RedirectToLoginPage),
            (json!(true), json!("return401"), Return401),
            (json!(null), json!("Return403"), Return403),
            (json!(null), json!("AllowAnonymous"), AllowAnonymous),
            (json!(false), json!("Return403"), AllowAnonymous),
            (json!(true), json!("other"), RedirectToLoginPage),
        ] {
            let validation = json!({"requireAuthentication": required, "unauthenticatedClientAction": action});
            let found = read(&json!({"globalValidation": validation})).unauthenticated;
            assert_eq!(found, expected, "{validation}");
        }
        let off = read(&json!({}));
        assert!(!off.is_enabled && off.requires_https && off.client_id.is_none());
        assert_eq!(off.session_lifetime, Some(Duration::from_hours(8)));
    }

    #[test]
    fn only_the_very_path_is_excluded() {
        let paths = json!({"globalValidation": {"excludedPaths": ["/healthz", "/public/*", "/a*"]}});
        let settings = read(&paths);
        for path in ["/healthz", "/public/", "/public/a/b", "/a*"] {
            assert!(settings.excludes(path), "{path}");
        }
        for path in [
            "/",
            "/healthz/",
            "/Healthz",
            "/healthz/..",
            "/public",
            "/publicity",
            "/public/../admin",
            "/public/./admin",
            "/public//admin",
            "/public/%2e%2e/admin",
            "/public/..%2fadmin",
            "/public/..\\admin",
            "/public/..;/admin",
            "/ab",
        ] {
            assert!(!settings.excludes(path), "{path}");
        }
    }

    #[test]
    fn a_time_span_has_days_or_not() {
        for (text, seconds) in [
            ("08:00:00", Some(28_800)),
            ("1.00:30:01", Some(88_201)),
            ("00:05:00.5", Some(300)),
            ("8", None),
            ("24:00:00", None),
            ("-1:00:00", None),
            ("a.00:00:00", None),
            ("00:60:00", None),
            ("", None),
        ] {
            assert_eq!(time_span(text).map(|span| span.as_secs()), seconds, "{text}");
        }
    }
}
