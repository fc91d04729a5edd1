//! Connection strings of web apps.
//! <https://learn.microsoft.com/azure/app-service/configure-common#configure-connection-strings>

use serde_json::Value;

/// The types of connection strings.
pub const CONNECTION_STRING_TYPES: [&str; 11] = [
    "ApiHub",
    "Custom",
    "DocDb",
    "EventHub",
    "MySql",
    "NotificationHub",
    "PostgreSQL",
    "RedisCache",
    "ServiceBus",
    "SQLAzure",
    "SQLServer",
];

/// A connection string of a web app.
#[derive(Clone, PartialEq)]
pub struct ConnectionString {
    /// The connection string.
    pub value: String,
    /// Its type, which is one of [`CONNECTION_STRING_TYPES`].
    pub kind: String,
}

impl ConnectionString {
    pub(super) fn read(value: &Value) -> Option<Self> {
        Some(Self {
            value: value.get("value")?.as_str()?.to_owned(),
            kind: value.get("type")?.as_str()?.to_owned(),
        })
    }

    /// The environment variable of the app that contains the connection string with this name. Characters that cannot be
    /// in the name of a variable are left out.
    #[must_use]
    pub fn variable(&self, name: &str) -> String {
        let prefix = match self.kind.to_ascii_uppercase() {
            kind if kind == "SQLSERVER" => "SQL".to_owned(),
            kind => kind,
        };
        let name = name.replace('.', "_");
        let permitted = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_');
        format!("{prefix}CONNSTR_{}", permitted.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_determines_the_prefix_of_the_variable() {
        for (kind, name, variable) in [
            ("SQLServer", "db", "SQLCONNSTR_db"),
            ("SQLAzure", "db", "SQLAZURECONNSTR_db"),
            ("MySql", "db", "MYSQLCONNSTR_db"),
            ("PostgreSQL", "my-main.db", "POSTGRESQLCONNSTR_mymain_db"),
            ("Custom", "x y", "CUSTOMCONNSTR_xy"),
        ] {
            let string = ConnectionString {
                value: String::new(),
                kind: kind.to_owned(),
            };
            assert_eq!(string.variable(name), variable);
        }
    }
}
