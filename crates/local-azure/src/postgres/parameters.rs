//! Server parameters, which Azure calls configurations too.
//! <https://learn.microsoft.com/azure/postgresql/server-parameters/concepts-server-parameters>

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor as _, FromRow, PgConnection};

use super::connection::failed;
use super::identifier::{quote_identifier, quote_text};
use crate::error::{Error, Result};

/// The parameter that names the extensions that users may create. PostgreSQL does not know it.
pub const EXTENSIONS: &str = "azure.extensions";
/// The parameter that names the libraries that the server loads.
const LIBRARIES: &str = "shared_preload_libraries";
/// The parameters that are lists of names.
const LISTS: [&str; 3] = [LIBRARIES, "search_path", "temp_tablespaces"];

/// A server parameter, with what PostgreSQL says about it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The current value, in the unit.
    pub value: String,
    /// The value of a server on which it was never set.
    pub default_value: String,
    /// `bool`, `enum`, `integer`, `real` or `string`.
    pub kind: String,
    /// The values that it can have, as Azure writes them, such as `1-100` or `on,off`.
    pub allowed_values: String,
    /// The unit of a number, such as `ms`.
    pub unit: Option<String>,
    /// What it does.
    pub description: String,
    /// Whether a new value takes effect without a restart.
    pub is_dynamic: bool,
    /// Whether only Azure may set it.
    pub is_read_only: bool,
    /// Whether it was set, and takes effect at the next restart.
    pub is_pending: bool,
}

/// All parameters of the server. A parameter is read-only if Local Azure sets it, or if it names a file or a command: as on
/// Azure, users cannot run commands on the server's machine.
pub(super) async fn all(connection: &mut PgConnection) -> Result<Vec<Parameter>> {
    let query = sqlx::query_as(include_str!("sql/parameters.sql"));
    query.fetch_all(connection).await.map_err(failed)
}

/// Sets the parameters of the state, and resets all others. Returns whether any was changed.
pub(super) async fn apply(connection: &mut PgConnection, wanted: &BTreeMap<String, String>) -> Result<bool> {
    let set: Vec<(String, Option<String>)> = sqlx::query_as(
        "select name, setting from pg_file_settings where sourcefile like '%/postgresql.auto.conf' order by seqno",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let set: BTreeMap<_, _> = set.into_iter().collect();
    let mut is_changed = false;
    for name in set.keys().filter(|name| !wanted.contains_key(*name)) {
        reset_one(connection, name).await?;
        is_changed = true;
    }
    for (name, value) in wanted {
        if set.get(name).and_then(Option::as_ref) == Some(value) {
            continue;
        }
        is_changed = true;
        if let Err(error) = set_one(connection, name, value).await {
            tracing::warn!("the server parameter {name}: {error}");
        }
    }
    Ok(is_changed)
}

/// Checks a value by trying it. `current` is the value that was set.
///
/// # Errors
///
/// There is no such parameter, it is read-only, or it cannot have this value.
pub(super) async fn check(
    connection: &mut PgConnection,
    name: &str,
    value: &str,
    current: Option<&String>,
) -> Result<()> {
    let parameters = all(connection).await?;
    let found = parameters.iter().find(|parameter| parameter.name == name);
    let found = found.ok_or_else(|| Error::Refused(format!("the server parameter {name:?} does not exist")))?;
    if found.is_read_only {
        return Err(Error::Refused(format!("the server parameter {name:?} is read-only")));
    }
    if [EXTENSIONS, LIBRARIES].contains(&name) {
        let mut known: Vec<String> = sqlx::query_scalar("select lower(name::text) from pg_available_extensions")
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
        known.push("auto_explain".to_owned());
        let mut names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
        if let Some(unknown) = names.find(|name| !known.contains(&name.to_lowercase())) {
            return Err(Error::Refused(format!(
                "{unknown:?} is not an extension of the PostgreSQL of this machine"
            )));
        }
    }
    set_one(connection, name, value).await?;
    // This was only a trial: `apply` sets the value once it is in the state.
    if let Some(current) = current {
        return set_one(connection, name, current).await;
    }
    reset_one(connection, name).await
}

async fn set_one(connection: &mut PgConnection, name: &str, value: &str) -> Result<()> {
    // A list must not become one quoted name.
    let value = if LISTS.contains(&name) && value.contains(',') {
        let words: Vec<_> = value.split(',').map(|word| quote_text(word.trim())).collect();
        words.join(", ")
    } else {
        quote_text(value)
    };
    let set = format!("alter system set {} = {value}", quote_name(name));
    match connection.execute(AssertSqlSafe(set)).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) => Err(Error::Refused(error.message().to_owned())),
        Err(error) => Err(failed(error)),
    }
}

async fn reset_one(connection: &mut PgConnection, name: &str) -> Result<()> {
    let reset = format!("alter system reset {}", quote_name(name));
    connection.execute(AssertSqlSafe(reset)).await.map_err(failed)?;
    Ok(())
}

/// A name such as `pg_stat_statements.max`, whose parts are identifiers.
fn quote_name(name: &str) -> String {
    let parts: Vec<_> = name.split('.').map(quote_identifier).collect();
    parts.join(".")
}
