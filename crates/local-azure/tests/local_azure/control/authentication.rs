//! The settings of App Service Authentication.

use local_azure::state::{Authentication, View as _, WebApp};
use serde_json::{Value, json};

use super::{Answer, Control};

struct World {
    control: Control,
    group: String,
    config: String,
}

impl World {
    async fn start() -> Self {
        let control = Control::start();
        let (group, _) = control.world("team").await;
        let web = format!("{group}/providers/Microsoft.Web");
        let plan = json!({"location": "westeurope", "sku": {"name": "B1"}});
        control.arm(&format!("PUT {web}/serverfarms/plan"), plan).await;
        let app = json!({"location": "westeurope", "properties": {"serverFarmId": format!("{web}/serverfarms/plan")}});
        let created = control.arm(&format!("PUT {web}/sites/contoso"), app).await;
        assert_eq!(created.status, 200, "{created:?}");
        Self {
            config: format!("{web}/sites/contoso/config"),
            control,
            group,
        }
    }

    async fn send(&self, method: &str, path: &str, properties: Value) -> Answer {
        let body = if properties.is_null() {
            Value::Null
        } else {
            json!({"properties": properties})
        };
        self.control
            .arm(&format!("{method} {}/{path}", self.config), body)
            .await
    }

    async fn put(&self, path: &str, properties: Value) -> Value {
        let answer = self.send("PUT", path, properties).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["properties"].clone()
    }

    fn settings(&self) -> Authentication {
        let azure = self.control.azure();
        azure.read(|state| Authentication::of(state, state.find::<WebApp>("contoso").unwrap().id()))
    }
}

/// What a Bicep file deploys.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_turns_it_on() {
    let world = World::start().await;
    let settings = json!({
        "platform": {"enabled": true},
        "globalValidation": {"requireAuthentication": false, "unauthenticatedClientAction": "AllowAnonymous",
                             "excludedPaths": ["/healthz"]},
        "identityProviders": {
            "azureActiveDirectory": {
                "enabled": true,
                "registration": {"clientId": "c", "clientSecretSettingName": "SECRET", "openIdIssuer": "https://x/t/v2.0"},
                "validation": {"allowedAudiences": ["api://c"], "defaultAuthorizationPolicy": {"allowedPrincipals": {}}},
            },
            "apple": {"enabled": false, "registration": {"clientId": "x"}}, "google": null, "facebook": {},
        },
        "login": {"tokenStore": {"enabled": true}, "nonce": {"nonceExpirationInterval": "00:10:00"}},
        "tomorrow": {"a": 1},
    });
    let shown = world.put("authsettingsV2", settings).await;
    assert_eq!(shown["platform"], json!({"enabled": true, "runtimeVersion": "~1"}));
    assert_eq!(shown["login"]["cookieExpiration"]["timeToExpiration"], "08:00:00");
    assert_eq!(shown["tomorrow"], json!({"a": 1}));
    let registration = &shown["identityProviders"]["azureActiveDirectory"]["registration"];
    assert_eq!(registration["clientSecretSettingName"], "SECRET");
    for (method, path) in [
        ("GET", "authsettingsV2"),
        ("GET", "authSettingsV2/list"),
        ("POST", "authsettingsV2/list"),
    ] {
        let answer = world.send(method, path, Value::Null).await;
        assert_eq!(
            (answer.status, &answer.body["properties"]),
            (200, &shown),
            "{method} {path}"
        );
        assert_eq!(answer.body["name"], "authsettingsV2");
    }
    let settings = world.settings();
    assert!(settings.is_enabled && settings.has_token_store && settings.requires_https);
    assert_eq!(
        (settings.client_id.as_deref(), settings.nonce_lifetime.as_secs()),
        (Some("c"), 600)
    );
    // The classic form is refused from now on.
    for (method, path) in [("POST", "authsettings/list"), ("PUT", "authsettings")] {
        let answer = world.send(method, path, json!({"enabled": false})).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(
            answer.body.to_string().contains("is running on auth version v2"),
            "{answer:?}"
        );
    }
    // The body replaces everything, and survives a restart.
    world
        .put("authsettingsV2", json!({"platform": {"enabled": true}}))
        .await;
    let World { control, config, group } = world;
    let world = World {
        control: control.reopen(),
        config,
        group,
    };
    let settings = world.settings();
    assert!(settings.is_enabled && settings.client_id.is_none() && !settings.has_token_store);
}

/// `az webapp auth update`
#[tokio::test(flavor = "multi_thread")]
async fn the_classic_form_sets_the_same() {
    let world = World::start().await;
    let mut shown = world.send("POST", "authsettings/list", Value::Null).await.body["properties"].clone();
    assert_eq!(
        (&shown["enabled"], &shown["unauthenticatedClientAction"]),
        (&json!(false), &json!("AllowAnonymous"))
    );
    for (name, value) in [
        ("enabled", json!(true)),
        ("unauthenticatedClientAction", json!("RedirectToLoginPage")),
        ("defaultProvider", json!("AzureActiveDirectory")),
        ("clientId", json!("c")),
        ("clientSecret", json!("s3cret")),
        ("issuer", json!("https://sts.windows.net/t/")),
        ("tokenStoreEnabled", json!(true)),
        ("allowedExternalRedirectUrls", json!(["https://docs.example/"])),
    ] {
        shown[name] = value;
    }
    let put = world.put("authsettings", shown.clone()).await;
    assert_eq!((&put["enabled"], &put["clientId"]), (&json!(true), &json!("c")));
    assert!(!put.to_string().contains("s3cret"), "{put}");
    let settings = world.settings();
    assert!(settings.is_enabled && settings.has_token_store);
    assert_eq!(settings.secret.as_deref(), Some("s3cret"));
    assert_eq!(settings.unauthenticated.name(), "RedirectToLoginPage");
    // Clients send back what they were shown, without the secret.
    let mut again = put;
    again["unauthenticatedClientAction"] = "AllowAnonymous".into();
    world.put("authsettings", again).await;
    let settings = world.settings();
    assert_eq!(
        (settings.secret.as_deref(), settings.unauthenticated.name()),
        (Some("s3cret"), "AllowAnonymous")
    );
    let v2 = world.send("GET", "authsettingsV2", Value::Null).await.body;
    assert!(
        !v2.to_string().contains("s3cret") && v2["properties"]["platform"]["enabled"] == true,
        "{v2}"
    );
    for wrong in [
        json!({"googleClientId": "x"}),
        json!({"facebookAppId": "x"}),
        json!({"gitHubClientId": "x"}),
        json!({"microsoftAccountClientId": "x"}),
        json!({"isAuthFromFile": "true"}),
        json!({"defaultProvider": "Google"}),
        json!({"enabled": "yes"}),
    ] {
        let answer = world.send("PUT", "authsettings", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_emulated_is_refused() {
    let world = World::start().await;
    let entra = |part: Value| json!({"identityProviders": {"azureActiveDirectory": part}});
    for (settings, named) in [
        (json!({"platform": {"enabled": "yes"}}), "platform.enabled"),
        (json!({"platform": []}), "platform"),
        (
            json!({"platform": {"configFilePath": "/home/site/auth.json"}}),
            "configFilePath",
        ),
        (
            json!({"globalValidation": {"unauthenticatedClientAction": "Return402"}}),
            "unauthenticatedClientAction",
        ),
        (
            json!({"globalValidation": {"redirectToProvider": "google"}}),
            "redirectToProvider",
        ),
        (
            json!({"globalValidation": {"excludedPaths": "/healthz"}}),
            "excludedPaths",
        ),
        (
            json!({"globalValidation": {"excludedPaths": ["healthz"]}}),
            "excludedPaths",
        ),
        (json!({"httpSettings": {"routes": {"apiPrefix": "/auth"}}}), "apiPrefix"),
        (
            json!({"login": {"cookieExpiration": {"timeToExpiration": "8h"}}}),
            "timeToExpiration",
        ),
        (
            json!({"login": {"cookieExpiration": {"convention": "Forever"}}}),
            "convention",
        ),
        (
            json!({"login": {"allowedExternalRedirectUrls": ["javascript:alert(1)"]}}),
            "allowedExternalRedirectUrls",
        ),
        (
            json!({"login": {"allowedExternalRedirectUrls": ["/a"]}}),
            "allowedExternalRedirectUrls",
        ),
        (
            json!({"identityProviders": {"google": {"registration": {"clientId": "x"}}}}),
            "google",
        ),
        (
            json!({"identityProviders": {"customOpenIdConnectProviders": {"x": {}}}}),
            "customOpenIdConnectProviders",
        ),
        (entra(json!({"registration": {"clientId": 5}})), "clientId"),
        (
            entra(json!({"validation": {"jwtClaimChecks": {"allowedGroups": ["g"]}}})),
            "allowedGroups",
        ),
        (
            entra(json!({"validation": {"defaultAuthorizationPolicy": {"allowedPrincipals": {"identities": ["i"]}}}})),
            "identities",
        ),
    ] {
        let answer = world.send("PUT", "authsettingsV2", settings.clone()).await;
        assert_eq!(answer.status, 400, "{settings}: {answer:?}");
        assert!(
            answer.body["error"]["message"].as_str().unwrap().contains(named),
            "{settings}: {answer:?}"
        );
    }
    assert!(!world.settings().is_enabled);
    assert_eq!(world.send("PUT", "authsettingsV2", Value::Null).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_roles_as_for_other_settings_are_needed() {
    let world = World::start().await;
    let reader = world.control.user("Reader", &world.group);
    let contributor = world.control.user("Website Contributor", &world.group);
    let on = json!({"properties": {"platform": {"enabled": true}}});
    for (what, body, of_reader, of_contributor) in [
        ("PUT authsettings", json!({"properties": {"enabled": true}}), 403, 200),
        ("POST authsettings/list", Value::Null, 403, 200),
        ("POST authsettingsV2/list", Value::Null, 403, 200),
        ("PUT authsettingsV2", on, 403, 200),
        ("GET authsettingsV2", Value::Null, 200, 200),
    ] {
        let (method, path) = what.split_once(' ').unwrap();
        let request = format!("{method} {}/{path}", world.config);
        for (caller, expected) in [(&reader, of_reader), (&contributor, of_contributor)] {
            let answer = world.control.arm_as(caller, &request, body.clone()).await;
            assert_eq!(answer.status, expected, "{what}: {answer:?}");
        }
    }
}
