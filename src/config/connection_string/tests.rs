use proptest::prelude::*;

use super::*;

/// A server, a role and a password, in each form that Service Connector or a person writes.
#[derive(Debug, Clone)]
struct Parts {
    host: String,
    port: u16,
    database: String,
    user: String,
    password: String,
}

impl Parts {
    fn expected(&self) -> ConnectionString {
        ConnectionString {
            host: Some(self.host.clone()),
            port: Some(self.port.to_string()),
            database: Some(self.database.clone()),
            user: Some(self.user.clone()),
            password: Some(self.password.clone()),
        }
    }

    fn forms(&self) -> [String; 6] {
        let Self {
            host,
            port,
            database,
            user,
            password,
        } = self;
        let libpq = |value: &str| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
        let net = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
        let other = |value: &str| format!("'{}'", value.replace('\'', "''"));
        let url =
            |value: &str| percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
        let form = |value: &str| form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        [
            // Go, PHP, Python, Ruby
            format!(
                "dbname={} host={host} port={port} sslmode=require user={} password={}",
                libpq(database),
                libpq(user),
                libpq(password)
            ),
            format!(
                "  user = {} host= {host}\tpassword ={} \n port={port} dbname={} ",
                libpq(user),
                libpq(password),
                libpq(database)
            ),
            // .NET
            format!(
                "Server={host};Database={};Port={port};Ssl Mode=Require;User Id={};Password={};",
                net(database),
                net(user),
                net(password)
            ),
            format!(
                "host={host}; port = {port} ;username={};DB={};PWD={}",
                other(user),
                other(database),
                other(password)
            ),
            // Java
            format!(
                "jdbc:postgresql://{host}:{port}/{}?sslmode=require&user={}&password={}",
                url(database),
                form(user),
                form(password)
            ),
            format!(
                "postgres://{}:{}@{host}:{port}/{}?sslmode=verify-full",
                url(user),
                url(password),
                url(database)
            ),
        ]
    }
}

proptest! {
    #[test]
    fn every_form_says_the_same(
        host in "[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,8}){0,4}",
        port in 1..=u16::MAX,
        // Anything that can be seen, and blanks. In the path of a URL, `..` is no name.
        database in "[!-~é][ -~é]{0,8}[!-~é]".prop_filter("no name", |name| name != ".."),
        user in "[!-~é][ -~é]{0,8}[!-~é]",
        password in "[!-~é][ -~é\u{4e2d}]{0,20}[!-~é]",
    ) {
        let parts = Parts { host, port, database, user, password };
        for form in parts.forms() {
            prop_assert_eq!(ConnectionString::parse(&form), Ok(parts.expected()), "{}", form);
        }
    }

    #[test]
    fn no_text_causes_a_panic(text in ".{0,60}", pieces in prop::collection::vec("host=|'|\"|;|=| |\\\\|%|user|://|é|@|postgres", 0..20)) {
        let _ = ConnectionString::parse(&text);
        let _ = ConnectionString::parse(&pieces.concat());
        let _ = semicolon_pairs(&pieces.concat());
    }
}

#[test]
fn unquoted_values_are_understood() {
    for text in [
        "host=contoso-db user=ada password=a;b dbname=restaurant",
        r"host=contoso-db user=ada password=a\;b dbname=restaurant",
        "Host=contoso-db;Username=ada;Password='a;b';Database=restaurant;Trust Server Certificate=true",
        "postgresql://ada:a;b@contoso-db/restaurant",
        "postgresql://contoso-db/restaurant?user=ada&password=a%3Bb",
        "postgresql:///restaurant?host=contoso-db&user=ada&password=a;b",
        "jdbc:postgresql://contoso-db/restaurant?user=ada&password=a%3Bb",
    ] {
        let found = ConnectionString::parse(text).unwrap();
        let expected = ["contoso-db", "restaurant", "ada", "a;b"].map(|value| Some(value.to_owned()));
        assert_eq!(
            [found.host, found.database, found.user, found.password],
            expected,
            "{text}"
        );
        assert_eq!(found.port, None);
    }
}

#[test]
fn a_plus_sign_is_a_blank_only_in_jdbc() {
    let password = |text| ConnectionString::parse(text).unwrap().password.unwrap();
    assert_eq!(password("jdbc:postgresql://a/b?password=x+y"), "x y");
    assert_eq!(password("postgresql://a/b?password=x+y"), "x+y");
    assert_eq!(password("postgresql://u:x+y@a/b"), "x+y");
}

#[test]
fn what_is_no_connection_string_is_refused_without_quoting_it() {
    for text in [
        "s3cret",
        "mysql://ada:s3cret@contoso-db/restaurant",
        "sqlite://s3cret.db",
        "jdbc:sqlserver://contoso;password=s3cret",
        "host=contoso-db password='s3cret",
        "Server=contoso-db;Password=\"s3cret",
        "Server=contoso-db;Password=\"s3cret\"x;Database=b",
        "Server=contoso-db;s3cret;Database=b",
        "postgresql://ada:s3cret%ff@contoso-db/restaurant",
        "postgresql://[s3cret",
        "AccountName=contoso;AccountKey=s3cret",
        "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/s3cret)",
    ] {
        let fault = ConnectionString::parse(text).unwrap_err();
        assert!(!fault.contains("s3cret"), "{text}: {fault}");
    }
}
