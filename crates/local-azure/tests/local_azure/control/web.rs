//! Microsoft.Web, by the requests that Azure's clients send.

use local_azure::state::{State, View as _, WebApp};
use serde_json::{Value, json};

use super::{Answer, Control};

/// A group with a plan, in which apps are created.
struct World {
    control: Control,
    web: String,
}

impl World {
    async fn start() -> Self {
        let control = Control::start();
        let (group, _) = control.world("team").await;
        let world = Self {
            control,
            web: format!("{group}/providers/Microsoft.Web"),
        };
        let plan = json!({"location": "westeurope", "sku": {"name": "B1", "tier": "BASIC", "capacity": 1}});
        assert_eq!(world.send("PUT serverfarms/plan", plan).await.status, 200);
        world
    }

    /// A request for a path below the provider, such as `GET sites/app`.
    async fn send(&self, what: &str, body: Value) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        self.control.arm(&format!("{method} {}/{path}", self.web), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send(&format!("GET {path}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    async fn post(&self, path: &str) -> Value {
        let answer = self.send(&format!("POST {path}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    fn site(&self, properties: &Value) -> Value {
        let mut body = json!({"location": "westeurope", "properties": properties});
        body["properties"]["serverFarmId"] = format!("{}/serverfarms/plan", self.web).into();
        body
    }

    /// Creates the app `app-of-tests` with that configuration.
    async fn create(&self, configuration: Value) -> Value {
        let body = self.site(&json!({"httpsOnly": true, "siteConfig": configuration}));
        let answer = self.send("PUT sites/app-of-tests", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    fn app(&self) -> WebApp {
        self.control
            .azure()
            .read(|state: &State| state.find("app-of-tests"))
            .unwrap()
    }
}

/// `az webapp up`, `az webapp config set` and `az webapp identity assign`.
#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_in_one_place() {
    let world = World::start().await;
    let created = world
        .create(json!({
            "linuxFxVersion": "PYTHON|3.13",
            "appSettings": [{"name": "SCM_DO_BUILD_DURING_DEPLOYMENT", "value": true}, {"name": "N", "value": 5}],
            "connectionStrings": [{"name": "db", "connectionString": "Server=x", "type": "postgresql"}],
            "appCommandLine": "./run.sh",
            "healthCheckPath": "/readyz",
        }))
        .await;
    assert_eq!(created["properties"]["siteConfig"]["linuxFxVersion"], "PYTHON|3.13");
    assert_eq!(created["properties"]["sku"], "Basic");
    let app = world.app();
    assert_eq!(
        (app.runtime.as_str(), app.startup_command.as_str()),
        ("PYTHON|3.13", "./run.sh")
    );
    assert_eq!(app.health_check_path.as_deref(), Some("/readyz"));
    assert_eq!(app.settings["SCM_DO_BUILD_DURING_DEPLOYMENT"], "true");
    assert_eq!(app.settings["N"], "5");
    assert_eq!(app.connection_strings["db"].variable("db"), "POSTGRESQLCONNSTR_db");
    assert!(app.https_only && app.allows_basic_publishing && app.publishing_password.len() == 60);
    // The whole app is put, without what is read-only, and as it was shown.
    for configuration in [Value::Null, created["properties"]["siteConfig"].clone()] {
        let mut body = created.clone();
        body["properties"]["siteConfig"] = configuration;
        body["properties"]["state"] = "Stopped".into();
        body["identity"] = json!({"type": "SystemAssigned"});
        let put = world.send("PUT sites/app-of-tests", body).await;
        assert_eq!(put.status, 200, "{put:?}");
        let mut expected = app.clone();
        expected.identity = world.app().identity;
        assert!(world.app() == expected && expected.identity.system.is_some());
    }
    let stored = world
        .control
        .azure()
        .read(|state| serde_json::to_string(state).unwrap());
    assert!(!stored.contains("siteConfig"));
    // A change of one property leaves the others, and null restores a default.
    let web = "sites/app-of-tests/config/web";
    let patched = json!({"properties": {"alwaysOn": "true", "HTTP20Enabled": true, "appCommandLine": null}});
    let patched = world.send(&format!("PATCH {web}"), patched).await;
    let properties = &patched.body["properties"];
    for (name, value) in [
        ("alwaysOn", json!(true)),
        ("http20Enabled", json!(true)),
        ("appCommandLine", json!("")),
        ("healthCheckPath", json!("/readyz")),
        ("minTlsVersion", json!("1.2")),
        ("scmType", json!("None")),
        ("publishingUsername", json!("$app-of-tests")),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    let patch = world.site(&json!({"clientAffinityEnabled": false, "siteConfig": {"appSettings": null}}));
    assert_eq!(world.send("PATCH sites/app-of-tests", patch).await.status, 200);
    let app = world.app();
    assert!(app.settings.is_empty() && !app.client_affinity_enabled && !app.connection_strings.is_empty());
    assert!(!app.is_stopped);
}

/// `az webapp config connection-string`, `appsettings` and their slot settings.
#[tokio::test(flavor = "multi_thread")]
async fn settings_and_connection_strings_are_listed_and_replaced() {
    let world = World::start().await;
    world.create(json!({})).await;
    let config = "sites/app-of-tests/config";
    let strings = json!({"properties": {"db": {"value": "Server=x", "type": "sqlazure"}}});
    let put = world.send(&format!("PUT {config}/connectionstrings"), strings).await;
    assert_eq!(put.status, 200, "{put:?}");
    let listed = world.post(&format!("{config}/connectionstrings/list")).await;
    assert_eq!(
        listed["properties"],
        json!({"db": {"value": "Server=x", "type": "SQLAzure"}})
    );
    let settings = json!({"properties": {"A": 1, "B.c": "x", "gone": null}});
    assert_eq!(
        world.send(&format!("PUT {config}/appsettings"), settings).await.status,
        200
    );
    let listed = world.post(&format!("{config}/appsettings/list")).await;
    assert_eq!(listed["properties"], json!({"A": "1", "B.c": "x"}));
    let names = json!({"properties": {"appSettingNames": ["A"], "connectionStringNames": null}});
    assert_eq!(
        world.send(&format!("PUT {config}/slotConfigNames"), names).await.status,
        200
    );
    let names = world.get(&format!("{config}/slotConfigNames")).await;
    assert_eq!(names["properties"]["appSettingNames"], json!(["A"]));
    assert_eq!(names["properties"]["connectionStringNames"], json!([]));
    let logs = json!({"properties": {"httpLogs": {"fileSystem": {"enabled": true, "retentionInMb": 100}}}});
    let logs = world.send(&format!("PUT {config}/logs"), logs).await;
    assert_eq!(logs.body["properties"]["httpLogs"]["fileSystem"]["enabled"], true);
    assert_eq!(logs.body["properties"]["applicationLogs"]["fileSystem"]["level"], "Off");
    for (path, name) in [
        ("metadata", "metadata"),
        ("azurestorageaccounts", "azurestorageaccounts"),
    ] {
        let listed = world.post(&format!("{config}/{path}/list")).await;
        assert_eq!((&listed["name"], &listed["properties"]), (&json!(name), &json!({})));
    }
    assert_eq!(
        world.post(&format!("{config}/authsettings/list")).await["properties"]["enabled"],
        false
    );
    let v2 = world.get(&format!("{config}/authsettingsV2")).await;
    assert_eq!(v2["properties"]["platform"]["enabled"], false);
    assert_eq!(world.get(config).await["value"][0]["name"], "web");
}

/// `az webapp deployment list-publishing-credentials`, and `az resource update` of the policies.
#[tokio::test(flavor = "multi_thread")]
async fn the_publishing_password_is_shown_only_where_it_is_accepted() {
    let world = World::start().await;
    world.create(json!({})).await;
    let site = "sites/app-of-tests";
    let credentials = world.post(&format!("{site}/config/publishingcredentials/list")).await;
    let password = world.app().publishing_password;
    assert_eq!(credentials["properties"]["publishingPassword"], password.as_str());
    assert_eq!(
        credentials["properties"]["scmUri"],
        format!("https://$app-of-tests:{password}@app-of-tests.scm.azurewebsites.net")
    );
    // It is neither a property nor in what is shown of the app.
    assert!(!world.get(site).await.to_string().contains(&password));
    let listed = world.get(&format!("{site}/basicPublishingCredentialsPolicies")).await;
    assert_eq!(listed["value"].as_array().unwrap().len(), 2);
    let policy = format!("{site}/basicPublishingCredentialsPolicies/scm");
    let mut shown = world.get(&policy).await;
    assert_eq!(shown["properties"]["allow"], true);
    shown["properties"]["allow"] = false.into();
    assert_eq!(world.send(&format!("PUT {policy}"), shown).await.status, 200);
    assert!(!world.app().allows_basic_publishing);
    let credentials = world.post(&format!("{site}/config/publishingcredentials/list")).await;
    assert!(!credentials.to_string().contains(&password), "{credentials}");
    assert_eq!(
        world
            .send(&format!("POST {site}/newpassword"), Value::Null)
            .await
            .status,
        200
    );
    assert_ne!(world.app().publishing_password, password);
    // A reader sees neither the password nor the settings.
    let reader = world
        .control
        .user("Reader", &world.web.replace("/providers/Microsoft.Web", ""));
    for path in [
        "config/publishingcredentials/list",
        "config/appsettings/list",
        "publishxml",
        "newpassword",
    ] {
        let what = format!("POST {}/{site}/{path}", world.web);
        let answer = world.control.arm_as(&reader, &what, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (403, "AuthorizationFailed"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_does_not_have_is_shown_as_absent() {
    let world = World::start().await;
    world.create(json!({})).await;
    let site = "sites/app-of-tests";
    for list in ["instances", "slots"] {
        assert_eq!(world.get(&format!("{site}/{list}")).await["value"], json!([]));
    }
    let hosts = world.get(&format!("{site}/hostNameBindings")).await;
    assert_eq!(hosts["value"][0]["name"], "app-of-tests/app-of-tests.azurewebsites.net");
    let host = format!("{site}/hostNameBindings/app-of-tests.azurewebsites.net");
    assert_eq!(world.get(&host).await["properties"]["siteName"], "app-of-tests");
    let source = world.get(&format!("{site}/sourcecontrols/web")).await;
    assert_eq!(source["properties"]["repoUrl"], Value::Null);
    for (what, code) in [
        (format!("GET {site}/instances/x"), "ResourceNotFound"),
        (
            format!("GET {site}/hostNameBindings/www.contoso.com"),
            "ResourceNotFound",
        ),
        (
            format!("PUT {site}/hostNameBindings/www.contoso.com"),
            "InvalidResourceType",
        ),
        (format!("PUT {site}/slots/staging"), "InvalidResourceType"),
        (format!("GET {site}/slots/staging"), "InvalidResourceType"),
        (format!("PUT {site}/sourcecontrols/web"), "InvalidResourceType"),
        (format!("PATCH {site}/config/authsettingsV2"), "InvalidResourceType"),
        (format!("GET {site}/config/backup"), "InvalidResourceType"),
        ("GET sites/ghost/config/web".to_owned(), "ResourceNotFound"),
        ("GET serverfarms/ghost/sites".to_owned(), "ResourceNotFound"),
    ] {
        let answer = world.send(&what, json!({"properties": {}})).await;
        assert_eq!((answer.status, answer.code.as_str()), (404, code), "{what}: {answer:?}");
    }
}

/// `az appservice plan update`, and deleting the last app of a plan.
#[tokio::test(flavor = "multi_thread")]
async fn plans_have_sizes_and_limits() {
    let world = World::start().await;
    let plan = |sku: Value| json!({"location": "westeurope", "sku": sku});
    let put = world
        .send("PUT serverfarms/plan", plan(json!({"name": "b2", "capacity": 3})))
        .await;
    assert_eq!(put.body["sku"]["name"], "B2");
    // Without a number, the number of workers stays.
    let put = world.send("PUT serverfarms/plan", plan(json!({"name": "P1v3"}))).await;
    assert_eq!(
        (&put.body["sku"]["capacity"], &put.body["sku"]["tier"]),
        (&json!(3), &json!("PremiumV3"))
    );
    for (sku, code) in [
        (json!({"name": "B1", "capacity": 4}), "BadRequest"),
        (json!({"name": "F1", "capacity": 2}), "BadRequest"),
        (json!({"name": "I1V2"}), "InvalidRequestContent"),
        (json!({"name": "WS1"}), "InvalidRequestContent"),
        (json!({"name": "B1", "capacity": 0}), "InvalidRequestContent"),
        (json!({"name": "B1", "capacity": "many"}), "InvalidRequestContent"),
        (json!({"tier": "Basic"}), "InvalidRequestContent"),
    ] {
        let answer = world.send("PUT serverfarms/plan", plan(sku.clone())).await;
        assert_eq!((answer.status, answer.code.as_str()), (400, code), "{sku}: {answer:?}");
    }
    world.create(json!({})).await;
    assert_eq!(
        world.get("serverfarms/plan/sites").await["value"][0]["name"],
        "app-of-tests"
    );
    // A smaller plan has fewer workers, and no Always On.
    let put = world.send("PUT serverfarms/plan", plan(json!({"name": "F1"}))).await;
    assert_eq!(put.body["sku"]["capacity"], 1);
    let on = json!({"properties": {"alwaysOn": true}});
    let refused = world.send("PATCH sites/app-of-tests/config/web", on).await;
    assert_eq!((refused.status, refused.code.as_str()), (409, "Conflict"));
    let delete = "DELETE sites/app-of-tests";
    assert_eq!(
        world
            .send(&format!("{delete}?deleteEmptyServerFarm=false"), Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(world.get("serverfarms/plan").await["properties"]["numberOfSites"], 0);
    world.create(json!({})).await;
    assert_eq!(world.send(delete, Value::Null).await.status, 200);
    assert_eq!(world.send("GET serverfarms/plan", Value::Null).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_valid_change_nothing() {
    let world = World::start().await;
    world
        .create(json!({"appSettings": [{"name": "A", "value": "1"}]}))
        .await;
    let before = world.app();
    let site = "sites/app-of-tests";
    let list = |name: &str, value: Value| {
        let mut body = world.site(&json!({"siteConfig": {}}));
        body["properties"]["siteConfig"][name] = value;
        (format!("PUT {site}"), body)
    };
    let config =
        |name: &str, properties: Value| (format!("PUT {site}/config/{name}"), json!({"properties": properties}));
    let (invalid, bad) = ("InvalidRequestContent", "BadRequest");
    for ((what, body), code) in [
        (list("appSettings", json!({"A": "1"})), invalid),
        (list("appSettings", json!([5])), invalid),
        (list("appSettings", json!([{"value": "x"}])), invalid),
        (list("appSettings", json!([{"name": "A", "value": {}}])), invalid),
        (list("appSettings", json!([{"name": "a-b", "value": "1"}])), bad),
        (
            list("connectionStrings", json!([{"name": "db", "connectionString": "x"}])),
            bad,
        ),
        (
            list(
                "connectionStrings",
                json!([{"name": "db", "connectionString": 5, "type": "Custom"}]),
            ),
            bad,
        ),
        (list("alwaysOn", json!("perhaps")), invalid),
        (list("linuxFxVersion", json!(5)), invalid),
        (list("minTlsVersion", json!("9")), bad),
        ((format!("PUT {site}"), world.site(&json!({"siteConfig": []}))), invalid),
        (
            (format!("PUT {site}"), world.site(&json!({"httpsOnly": "yes"}))),
            invalid,
        ),
        (
            (format!("PATCH {site}"), json!({"properties": {"enabled": 5}})),
            invalid,
        ),
        (config("web", json!({"healthCheckPath": []})), invalid),
        (config("web", json!({"numberOfWorkers": 1.5})), invalid),
        (config("web", json!({"ftpsState": "Open"})), bad),
        ((format!("PUT {site}/config/web"), json!([])), invalid),
        (config("appsettings", json!({"A": []})), invalid),
        (config("appsettings", json!({"Logging:Level": "x"})), bad),
        (config("appsettings", json!({"": "x"})), bad),
        (config("connectionstrings", json!({"db": "Server=x"})), bad),
        (
            config("connectionstrings", json!({"db": {"value": "x", "type": "Oracle"}})),
            bad,
        ),
        (
            config("connectionstrings", json!({" ": {"value": "x", "type": "Custom"}})),
            bad,
        ),
        (config("metadata", json!({"A": {}})), invalid),
        (config("slotConfigNames", json!({"appSettingNames": "A"})), invalid),
        (config("slotConfigNames", json!({"appSettingNames": [5]})), invalid),
        (config("logs", json!({"httpLogs": 5})), invalid),
        (
            (
                format!("PUT {site}/basicPublishingCredentialsPolicies/scm"),
                json!({"properties": {"allow": 1}}),
            ),
            invalid,
        ),
        ((format!("POST {site}/publishxml"), json!([])), invalid),
        (
            (format!("POST {site}/publishxml"), json!({"format": "FileZilla3"})),
            bad,
        ),
    ] {
        let answer = world.send(&what, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, code),
            "{what} {body}: {answer:?}"
        );
    }
    assert!(world.app() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_prevents_changes_of_the_parts_of_an_app() {
    let world = World::start().await;
    world.create(json!({})).await;
    let before = world.app();
    let site = "sites/app-of-tests";
    let config =
        |name: &str, properties: Value| (format!("PUT {site}/config/{name}"), json!({"properties": properties}));
    let lock = json!({"properties": {"level": "ReadOnly"}});
    let lock_id = format!("PUT {}/{site}/providers/Microsoft.Authorization/locks/l", world.web);
    assert_eq!(world.control.arm(&lock_id, lock).await.status, 201);
    for (what, body) in [
        config("web", json!({"alwaysOn": true})),
        config("appsettings", json!({})),
        (
            format!("PUT {site}/basicPublishingCredentialsPolicies/ftp"),
            json!({"properties": {"allow": false}}),
        ),
        (format!("POST {site}/newpassword"), Value::Null),
        (format!("POST {site}/config/connectionstrings/list"), Value::Null),
    ] {
        let answer = world.send(&what, body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (409, "ScopeLocked"),
            "{what}: {answer:?}"
        );
    }
    assert!(world.app() == before && before.name() == "app-of-tests");
}

/// `az webapp list-runtimes`, `az appservice list-locations`, and the check of a name.
#[tokio::test(flavor = "multi_thread")]
async fn offers() {
    let world = World::start().await;
    let control = &world.control;
    let stacks = control
        .arm("GET /providers/Microsoft.Web/webAppStacks", Value::Null)
        .await;
    assert!(stacks.body.to_string().contains("NODE|20-lts"), "{stacks:?}");
    let provider = format!("{}/providers/Microsoft.Web", control.subscription());
    let regions = control
        .arm(&format!("GET {provider}/geoRegions?sku=BASIC"), Value::Null)
        .await;
    assert!(
        regions.body.to_string().contains("\"name\":\"West Europe\""),
        "{regions:?}"
    );
    world.create(json!({})).await;
    for (path, name, reason) in [
        ("checknameavailability", "app-of-tests", "AlreadyExists"),
        ("locations/westeurope/checknameavailability", "free-name", ""),
        ("checknameavailability", "-", "Invalid"),
    ] {
        let body = json!({"name": name, "type": "Site"});
        let answer = control.arm(&format!("POST {provider}/{path}"), body).await;
        assert_eq!(answer.body["reason"], reason, "{answer:?}");
    }
}
