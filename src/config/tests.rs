use sqlx::postgres::PgSslMode;

use super::*;

const HOSTNAME: (&str, &str) = ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net");
const SERVER: [(&str, &str); 3] = [("DBHOST", "contoso-db"), ("DBNAME", "restaurant"), ("DBUSER", "web")];

fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let mut errors = Vec::new();
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::read(variables, &mut errors);
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

#[test]
fn without_settings_the_site_runs_locally() {
    let config = read(&[]).unwrap();
    assert_eq!(config.host.to_string(), "127.0.0.1");
    assert_eq!(config.port, 8000);
    assert_eq!(config.data_dir, PathBuf::from("data"));
    assert_eq!(config.max_upload_bytes, 10 * 1024 * 1024);
    assert_eq!(config.shutdown_grace, Duration::from_secs(10));
    assert!(!config.is_production());
}

#[test]
fn app_service_listens_everywhere_unless_told_otherwise() {
    let settings = [HOSTNAME, ("ALLOW_LOCAL_DATA", "1")];
    let config = read(&settings).unwrap();
    assert_eq!(config.host.to_string(), "0.0.0.0");
    assert!(config.is_production());
    let config = read(&[&settings[..], &[("HOST", "::1")]].concat()).unwrap();
    assert_eq!(config.host.to_string(), "::1");
}

#[test]
fn on_app_service_the_site_ends_before_it_is_killed() {
    let kills_after = Duration::from_secs(5);
    let settings = [HOSTNAME, ("ALLOW_LOCAL_DATA", "1")];
    assert!(read(&settings).unwrap().shutdown_grace < kills_after);
    let longer = [&settings[..], &[("SHUTDOWN_GRACE_SECONDS", "25")]].concat();
    assert_eq!(read(&longer).unwrap().shutdown_grace, Duration::from_secs(25));
}

#[test]
fn a_domain_of_its_own_begins_the_sites_addresses() {
    let production = [HOSTNAME, ("ALLOW_LOCAL_DATA", "1")];
    let site_url = |settings: &[(&str, &str)]| read(settings).unwrap().site_url();
    assert_eq!(site_url(&[]), None);
    assert_eq!(
        site_url(&production).as_deref(),
        Some("https://contoso.azurewebsites.net")
    );
    for (url, origin) in [
        ("https://reviews.contoso.com", "https://reviews.contoso.com"),
        ("https://Reviews.Contoso.com:443/", "https://reviews.contoso.com"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ] {
        let own = ("PUBLIC_URL", url);
        assert_eq!(site_url(&[own]).as_deref(), Some(origin));
        assert_eq!(site_url(&[&production[..], &[own]].concat()).as_deref(), Some(origin));
    }
    for bad in [
        "reviews.contoso.com",
        "//reviews.contoso.com",
        "ftp://reviews.contoso.com",
        "https://ada:s3cret@reviews.contoso.com",
        "https://reviews.contoso.com/list",
        "https://reviews.contoso.com/?a",
        "https://reviews.contoso.com/#a",
        "https://",
    ] {
        let errors = read(&[("PUBLIC_URL", bad)]).unwrap_err();
        assert!(
            errors[0].starts_with("PUBLIC_URL is ") && errors[0].contains("front page"),
            "{errors:?}"
        );
        assert!(!errors[0].contains("s3cret"), "{errors:?}");
    }
}

#[test]
fn a_public_address_elsewhere_means_a_proxy_on_this_machine() {
    let production = [HOSTNAME, ("ALLOW_LOCAL_DATA", "1")];
    let secure = [("PUBLIC_URL", "https://reviews.contoso.com")];
    let plain = [("PUBLIC_URL", "http://reviews.contoso.com")];
    for (settings, is_https, is_behind_local_proxy, staff) in [
        (vec![], false, false, StaffAccess::ThisMachine),
        (secure.to_vec(), true, true, StaffAccess::Off),
        (plain.to_vec(), false, true, StaffAccess::Off),
        (production.to_vec(), true, false, StaffAccess::Off),
        ([&production[..], &secure].concat(), true, false, StaffAccess::Off),
        ([&production[..], &plain].concat(), true, false, StaffAccess::Off),
    ] {
        let config = read(&settings).unwrap();
        let found = (config.is_https(), config.is_behind_local_proxy(), config.staff);
        assert_eq!(found, (is_https, is_behind_local_proxy, staff), "{settings:?}");
    }
}

#[test]
fn an_empty_value_counts_as_not_set() {
    assert_eq!(read(&[("PORT", "")]).unwrap().port, 8000);
}

#[test]
fn every_wrong_setting_is_named_with_its_value_and_the_valid_ones() {
    let errors = read(&[
        ("HOST", "localhost:1"),
        ("PORT", "eighty"),
        ("MAX_UPLOAD_BYTES", "10"),
        ("PAGE_CACHE_BYTES", "8 MB"),
        ("POSTS_PER_MINUTE", "many"),
        ("UPLOADS_PER_MINUTE", "-1"),
        ("SEARCHES_PER_SECOND", "100001"),
        ("MIN_FREE_BYTES", "200 MB"),
        ("SHUTDOWN_GRACE_SECONDS", "-1"),
        ("RUST_LOG", "site=loud"),
        ("DBHOST", "server"),
        ("DBSSLMODE", "sometimes"),
        ("STORAGE_ACCOUNT_NAME", "http://127.0.0.1:10000/devstoreaccount1"),
        ("STORAGE_CONTAINER_NAME", "Photos"),
        ("PHOTOS_BASE_URL", "photos"),
    ])
    .unwrap_err();
    assert_eq!(errors.len(), 16, "{errors:#?}");
    assert_eq!(
        errors[1],
        "PORT is \"eighty\", but it must be a port number from 0 to 65535."
    );
    assert!(errors[2].starts_with("MAX_UPLOAD_BYTES is \"10\", but it must be a number of bytes"));
    assert!(errors[10].starts_with("DBHOST is set, but DBNAME is not."));
}

#[test]
fn the_site_signs_in_with_a_token_unless_there_is_a_password() {
    let settings = [
        ("DBHOST", "contoso-db"),
        ("DBNAME", "restaurant"),
        ("DBUSER", "web-identity"),
    ];
    let database = read(&settings).unwrap().database.unwrap();
    assert_eq!((database.host.as_str(), database.port), ("contoso-db", 5432));
    assert_eq!(
        (database.name.as_str(), database.user.as_str()),
        ("restaurant", "web-identity")
    );
    assert_eq!(database.password, None);
    assert!(matches!(database.ssl_mode, PgSslMode::VerifyFull));

    let in_azure = read(&[&settings[..], &[HOSTNAME, ("STORAGE_ACCOUNT_NAME", "contoso")]].concat());
    let in_azure = in_azure.unwrap().database.unwrap();
    assert_eq!(in_azure.host, "contoso-db.postgres.database.azure.com");

    let unverified = ("DBSSLMODE", "require");
    let errors = read(&[&settings[..], &[unverified]].concat()).unwrap_err();
    assert!(errors[0].contains("an Entra token is sent to it"), "{errors:?}");
    let local = read(&[&settings[..], &[unverified, ("DBPASS", "local only")]].concat()).unwrap();
    assert!(!format!("{local:?}").contains("local only"));
}

#[test]
fn an_account_is_a_name_or_a_url() {
    let account = |value| read(&[("STORAGE_ACCOUNT_NAME", value)]).map(|config| config.storage.unwrap());
    let by_name = account("contoso").unwrap();
    assert_eq!(by_name.account_url.as_str(), "https://contoso.blob.core.windows.net/");
    assert_eq!(by_name.container, "photos");
    let azurite = account("https://127.0.0.1:10000/devstoreaccount1/").unwrap();
    assert_eq!(azurite.account_url.as_str(), "https://127.0.0.1:10000/devstoreaccount1");
    for wrong in [
        "Contoso",
        "ab",
        "http://contoso.blob.core.windows.net",
        "https://",
        "https://a/?sig=1",
        "https://ada:s3cret@contoso.blob.core.windows.net",
        "https://contoso.blob.core.windows.net/photos",
    ] {
        assert!(account(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn service_connectors_names_are_understood_and_a_conflict_is_named() {
    let config = read(&[
        ("AZURE_POSTGRESQL_HOST", "contoso-db.postgres.database.azure.com"),
        ("AZURE_POSTGRESQL_NAME", "restaurant"),
        ("AZURE_POSTGRESQL_USER", "aad_web"),
        ("AZURE_POSTGRESQL_CLIENTID", "5a5a"),
        (
            "AZURE_STORAGEBLOB_RESOURCEENDPOINT",
            "https://contoso.blob.core.windows.net/",
        ),
        ("STORAGE_ACCOUNT_NAME", "contoso"),
    ])
    .unwrap();
    let database = config.database.unwrap();
    assert_eq!(database.user, "aad_web");
    let string =
        "dbname=restaurant host=contoso-db.postgres.database.azure.com port=5433 sslmode=require user='aad_web'";
    let by_string = read(&[("AZURE_POSTGRESQL_CONNECTIONSTRING", string)])
        .unwrap()
        .database
        .unwrap();
    assert_eq!(
        (by_string.host, by_string.name, by_string.user),
        (database.host, database.name, database.user)
    );
    assert_eq!(by_string.port, 5433);
    assert!(matches!(by_string.ssl_mode, PgSslMode::VerifyFull));
    assert_eq!(database.client_id.as_deref(), Some("5a5a"));
    assert_eq!(
        config.storage.unwrap().account_url.as_str(),
        "https://contoso.blob.core.windows.net/"
    );

    let errors = read(&[
        ("DBHOST", "a"),
        ("AZURE_POSTGRESQL_HOST", "b"),
        ("DBNAME", "n"),
        ("DBUSER", "u"),
        ("AZURE_CLIENT_ID", "1"),
        ("AZURE_STORAGEBLOB_CLIENTID", "2"),
        ("STORAGE_ACCOUNT_NAME", "contoso"),
    ])
    .unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("DBHOST and AZURE_POSTGRESQL_HOST are both set"));
    assert!(errors[1].starts_with("AZURE_CLIENT_ID and AZURE_STORAGEBLOB_CLIENTID are both set"));
}

#[test]
fn a_setting_that_needs_another_one_names_it() {
    let errors = read(&[
        ("DBNAME", "restaurant"),
        ("PHOTOS_BASE_URL", "https://cdn.example/photos"),
    ])
    .unwrap_err();
    assert!(errors[0].starts_with("DBNAME is set, but DBHOST is not."));
    assert!(errors[1].starts_with("PHOTOS_BASE_URL is set, but STORAGE_ACCOUNT_NAME is not"));
}

#[test]
fn what_is_meant_for_a_server_never_means_a_file_or_a_folder() {
    let key = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net";
    // Each: a variable, its value, and what else the message says.
    for (name, value, advice) in [
        ("DBPASS", "s3cret", "DBHOST"),
        ("DBPORT", "5432", "DBHOST"),
        ("AZURE_POSTGRESQL_DATABASE", "restaurant", "DBHOST"),
        ("AZURE_POSTGRESQL_CLIENTID", "5a5a", "DBHOST"),
        ("AZURE_POSTGRESQL_SSL", "true", "DBHOST"),
        ("AZURE_POSTGRESQL_SOMETHING_NEW", "x", "DBHOST"),
        ("AZURE_POSTGRESQL_CLIENTSECRET", "s3cret", "managed identity"),
        ("AZURE_POSTGRESQL_CONNECTIONSTRING", "Ssl Mode=Require;", "DBHOST"),
        (
            "AZURE_POSTGRESQL_CONNECTIONSTRING",
            "dbname=restaurant user=web",
            "DBHOST",
        ),
        (
            "AZURE_POSTGRESQL_CONNECTIONSTRING",
            "host=a password='s3cret",
            "not closed",
        ),
        ("DATABASE_URL", "mysql://ada:s3cret@contoso/restaurant", "PostgreSQL"),
        ("SPRING_DATASOURCE_USERNAME", "web", "DBHOST"),
        ("spring.datasource.username", "web", "DBHOST"),
        ("springdatasourceazurepasswordlessenabled", "true", "DBHOST"),
        ("POSTGRESQLCONNSTR_restaurant", "s3cret", "DBHOST"),
        ("CUSTOMCONNSTR_AZURE_POSTGRESQL_CONNECTIONSTRING", "s3cret", "DBHOST"),
        ("STORAGE_CONTAINER_NAME", "photos", "STORAGE_ACCOUNT_NAME"),
        ("AZURE_STORAGEBLOB_CLIENTID", "5a5a", "STORAGE_ACCOUNT_NAME"),
        ("AZURE_STORAGEBLOB_CLIENTSECRET", "s3cret", "managed identity"),
        (
            "AZURE_STORAGEBLOB_CONNECTIONSTRING",
            key,
            "set STORAGE_ACCOUNT_NAME to contoso",
        ),
        ("CUSTOMCONNSTR_photos", key, "set STORAGE_ACCOUNT_NAME to contoso"),
        (
            "AZURE_STORAGEBLOB_CONNECTIONSTRING",
            "BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=c2VjcmV0",
            "STORAGE_ACCOUNT_NAME",
        ),
        (
            "AZURE_STORAGEBLOB_CONNECTIONSTRING",
            "UseDevelopmentStorage=true",
            "STORAGE_ACCOUNT_NAME",
        ),
        ("AZURE_STORAGEBLOB_CONNECTIONSTRING", "s3cret", "STORAGE_ACCOUNT_NAME"),
        (
            "spring.cloud.azure.storage.blob.account-name",
            "contoso",
            "STORAGE_ACCOUNT_NAME",
        ),
    ] {
        let errors = read(&[(name, value)]).expect_err(name).join("\n");
        assert!(errors.contains(name) && errors.contains(advice), "{name}: {errors}");
        assert!(
            !errors.contains("s3cret") && !errors.contains("c2VjcmV0"),
            "{name}: {errors}"
        );
    }
}

#[test]
fn a_connection_string_of_any_name_is_understood() {
    let url = "postgresql://web:s3cret@contoso-db.postgres.database.azure.com:5433/restaurant";
    for (name, value) in [
        ("AZURE_POSTGRESQL_CONNECTIONSTRING", url),
        ("DATABASE_URL", url),
        ("POSTGRESQLCONNSTR_restaurant", url),
        ("CUSTOMCONNSTR_database", url),
        (
            "POSTGRESQLCONNSTR_AZURE_POSTGRESQL_CONNECTIONSTRING",
            "Server=contoso-db.postgres.database.azure.com;Database=restaurant;Port=5433;Ssl Mode=Require;User Id=web;\
             Password=s3cret;",
        ),
        (
            "SPRING_DATASOURCE_URL",
            "jdbc:postgresql://contoso-db.postgres.database.azure.com:5433/restaurant?sslmode=require&user=web&\
             password=s3cret",
        ),
    ] {
        let database = read(&[(name, value)]).unwrap().database.unwrap();
        assert_eq!(database.host, "contoso-db.postgres.database.azure.com", "{name}");
        assert_eq!(
            (database.port, database.name.as_str(), database.user.as_str()),
            (5433, "restaurant", "web")
        );
        assert_eq!(database.password.unwrap().expose(), "s3cret");
        assert!(matches!(database.ssl_mode, PgSslMode::VerifyFull), "{name}");

        // The site's own settings may say the same, but nothing else.
        let short = [HOSTNAME, ("STORAGE_ACCOUNT_NAME", "contoso"), ("DBHOST", "contoso-db")];
        read(&[&short[..], &[(name, value)]].concat()).unwrap();
        let errors = read(&[("DBUSER", "other"), (name, value)]).unwrap_err();
        assert!(
            errors[0].starts_with(&format!("DBUSER and {name} are both set")),
            "{errors:?}"
        );
    }
    // An app may have other connection strings.
    assert!(read(&[("CUSTOMCONNSTR_cache", "contoso.redis.cache.windows.net:6380,password=x")]).is_ok());
    assert!(read(&[("SQLCONNSTR_other", "Server=tcp:contoso;Database=a")]).is_ok());
}

#[test]
fn a_storage_connection_string_without_a_secret_is_understood() {
    for value in [
        "BlobEndpoint=https://contoso.blob.core.windows.net/",
        "DefaultEndpointsProtocol=https;AccountName=contoso;EndpointSuffix=core.windows.net",
        "\"accountname=contoso\"",
        "AccountName='contoso';AccountKey=;",
    ] {
        for name in ["AZURE_STORAGEBLOB_CONNECTIONSTRING", "CUSTOMCONNSTR_photos"] {
            let storage = read(&[(name, value)]).unwrap().storage.unwrap();
            assert_eq!(
                storage.account_url.as_str(),
                "https://contoso.blob.core.windows.net/",
                "{value}"
            );
        }
    }
}

#[test]
fn on_app_service_local_data_must_be_allowed() {
    let storage = ("STORAGE_ACCOUNT_NAME", "contoso");
    let faults = |settings: &[(&str, &str)]| read(&[&[HOSTNAME], settings].concat()).err().unwrap_or_default();
    let neither = faults(&[]);
    assert_eq!(neither.len(), 2, "{neither:?}");
    for (error, setting) in neither
        .iter()
        .zip(["DBHOST, DBNAME and DBUSER", "STORAGE_ACCOUNT_NAME"])
    {
        assert!(
            error.contains(setting) && error.contains("network storage") && error.contains("ALLOW_LOCAL_DATA=1"),
            "{error}"
        );
    }
    assert!(faults(&[storage])[0].contains("an SQLite file"));
    assert!(faults(&SERVER)[0].contains("a folder"));
    assert_eq!(faults(&[&SERVER[..], &[storage]].concat()), [""; 0]);
    assert_eq!(faults(&[("ALLOW_LOCAL_DATA", "0")]).len(), 2);
    assert_eq!(faults(&[("ALLOW_LOCAL_DATA", "1")]), [""; 0]);
    assert!(faults(&[("ALLOW_LOCAL_DATA", "yes"), storage])[0].contains("1 (yes) or 0 (no)"));
    // Another fault of the same store is reported alone.
    assert_eq!(faults(&[("DBNAME", "restaurant"), storage]).len(), 1);
}

#[test]
fn a_host_with_more_than_a_name_names_the_settings_for_the_rest() {
    for (host, named) in [
        ("contoso-db:5432", vec!["DBPORT"]),
        ("[::1]:5432", vec!["DBPORT", "brackets"]),
        ("[::1]", vec!["brackets"]),
        ("https://contoso-db.postgres.database.azure.com", vec!["https://"]),
        ("https://contoso-db.postgres.database.azure.com/", vec!["https://"]),
        ("tcp://contoso-db:5432", vec!["tcp://", "DBPORT"]),
        ("contoso-db/restaurant", vec!["DBNAME"]),
        ("contoso-db:5432/restaurant", vec!["DBPORT", "DBNAME"]),
        ("web@contoso-db", vec!["DBUSER"]),
        (
            "postgresql://web:s3cret@contoso-db:5432/restaurant",
            vec!["postgresql://", "DBUSER", "DBPASS", "DBPORT", "DBNAME"],
        ),
        ("/var/run/postgresql", vec![]),
        ("contoso-db,other-db", vec![]),
        ("contoso db", vec![]),
        ("host=contoso-db password=s3cret", vec![]),
    ] {
        for variable in ["DBHOST", "AZURE_POSTGRESQL_HOST"] {
            let errors = read(&[(variable, host), SERVER[1], SERVER[2]]).expect_err(host);
            assert_eq!(errors.len(), 1, "{errors:?}");
            let error = &errors[0];
            assert!(
                error.starts_with(&format!("{variable} is ")) && !error.contains("s3cret"),
                "{error}"
            );
            let hints = &error[error.find("azure.com.").unwrap()..];
            for hint in ["DBPORT", "DBNAME", "DBUSER", "DBPASS", "Leave out"] {
                let expected = named.contains(&hint)
                    || hint == "DBPASS" && named.contains(&"DBUSER")
                    || hint == "Leave out" && named.iter().any(|word| word.contains("://") || *word == "brackets");
                assert_eq!(hints.contains(hint), expected, "{hint}: {error}");
            }
            assert!(named.iter().all(|word| hints.contains(word)), "{error}");
        }
    }
    for host in ["::1", "127.0.0.1", "contoso-db", "db_1.example.com"] {
        assert_eq!(
            read(&[("DBHOST", host), SERVER[1], SERVER[2]])
                .unwrap()
                .database
                .unwrap()
                .host,
            host
        );
    }
}

/// Whatever a setting is, a secret in it is not printed.
#[test]
fn a_refused_setting_does_not_show_a_secret() {
    let secrets = [
        "AccountName=contoso;AccountKey=c2VjcmV0c2VjcmV0;x",
        "https://contoso.blob.core.windows.net/photos?sv=1&sig=c2VjcmV0",
        "postgresql://web:c2VjcmV0@contoso-db/restaurant",
        "host=contoso-db password=c2VjcmV0",
        "Server=contoso-db;Pwd=c2VjcmV0",
        "https://ada:c2VjcmV0@contoso",
    ];
    for name in [
        "HOST",
        "PORT",
        "MAX_UPLOAD_BYTES",
        "PAGE_CACHE_BYTES",
        "POSTS_PER_MINUTE",
        "UPLOADS_PER_MINUTE",
        "SEARCHES_PER_SECOND",
        "MIN_FREE_BYTES",
        "SHUTDOWN_GRACE_SECONDS",
        "ALLOW_LOCAL_DATA",
        "DBHOST",
        "DBPORT",
        "DBNAME",
        "DBUSER",
        "DBSSLMODE",
        "PGSSLROOTCERT",
        "STORAGE_ACCOUNT_NAME",
        "STORAGE_CONTAINER_NAME",
        "PHOTOS_BASE_URL",
        "AZURE_POSTGRESQL_HOST",
        "AZURE_POSTGRESQL_PORT",
        "AZURE_STORAGEBLOB_RESOURCEENDPOINT",
    ] {
        for secret in secrets {
            let others = [SERVER[0], SERVER[1], SERVER[2], ("STORAGE_ACCOUNT_NAME", "contoso")];
            let others = others.into_iter().filter(|(other, _)| *other != name);
            let settings: Vec<_> = others.chain([(name, secret)]).collect();
            let errors = read(&settings).expect_err(name).join("\n");
            assert!(errors.contains(name), "{name}: {errors}");
            assert!(!errors.contains("c2VjcmV0"), "{name}: {errors}");
        }
    }
}

#[test]
fn the_staff_is_let_in_by_one_way_at_most() {
    let server: Vec<_> = [&SERVER[..], &[("DBPASS", "x")]].concat();
    let account = ("STORAGE_ACCOUNT_NAME", "contoso");
    let azure: Vec<_> = [&SERVER[..], &[HOSTNAME, account]].concat();
    let list = (
        "ADMIN_PRINCIPALS",
        " Ada@Contoso.com;0B6E2B9E-0d5c-4d34-9d0f-0a4f0b0f6a01, Staff ,",
    );
    let on = ("WEBSITE_AUTH_ENABLED", "True");
    let listed = StaffAccess::Listed(vec![
        Principal::Account("ada@contoso.com".into()),
        Principal::ObjectId("0b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01".parse().unwrap()),
        Principal::Role("Staff".into()),
    ]);
    for (settings, wanted) in [
        (vec![], StaffAccess::ThisMachine),
        (vec![on], StaffAccess::ThisMachine),
        (vec![HOSTNAME, ("ALLOW_LOCAL_DATA", "1")], StaffAccess::Off),
        (vec![account], StaffAccess::Off),
        (server.clone(), StaffAccess::Off),
        (azure.clone(), StaffAccess::Off),
        ([&azure[..], &[on]].concat(), StaffAccess::Off),
        ([&azure[..], &[list]].concat(), StaffAccess::NoAuthentication),
        (
            [&azure[..], &[list, ("WEBSITE_AUTH_ENABLED", "False")]].concat(),
            StaffAccess::NoAuthentication,
        ),
        (vec![list], StaffAccess::NoAuthentication),
        // Not on App Service: whoever has set the variable, nothing strips forged headers.
        (vec![list, on], StaffAccess::NoAuthentication),
        ([&server[..], &[list, on]].concat(), StaffAccess::NoAuthentication),
        ([&azure[..], &[list, on]].concat(), listed),
    ] {
        assert_eq!(read(&settings).unwrap().staff, wanted, "{settings:?}");
    }
    let errors = read(&[("ADMIN_PRINCIPALS", ",; ")]).unwrap_err();
    assert!(errors[0].contains("ADMIN_PRINCIPALS names nobody"), "{errors:?}");
}
