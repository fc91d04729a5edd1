//! Whether the site's role may do what the site does, and the commands that let it.

use sqlx::PgConnection;

/// What the site does with each table. (An identity column needs no privilege on its sequence.)
const NEEDED: [(&str, &str); 15] = [
    ("_sqlx_migrations", "SELECT"),
    ("restaurants", "SELECT"),
    ("restaurants", "INSERT"),
    ("restaurants", "UPDATE"),
    ("restaurants", "DELETE"),
    ("reviews", "SELECT"),
    ("reviews", "INSERT"),
    ("reviews", "UPDATE"),
    ("reviews", "DELETE"),
    ("changes", "SELECT"),
    ("changes", "INSERT"),
    ("changes", "UPDATE"),
    ("unclaimed_photos", "SELECT"),
    ("unclaimed_photos", "INSERT"),
    ("unclaimed_photos", "DELETE"),
];

/// The privileges of the role that a connection is signed in as.
pub(super) struct Privileges {
    schema: String,
    may_use_schema: bool,
    may_create: bool,
    tables: Vec<Table>,
}

/// A table that exists.
struct Table {
    name: String,
    /// Its owner, unless the role has the owner's rights: only an owner can change a table.
    foreign_owner: Option<String>,
    /// The privileges that the site needs and the role lacks.
    missing: Vec<&'static str>,
}

impl Privileges {
    /// Reads them. This needs no privilege.
    pub(super) async fn read(connection: &mut PgConnection) -> sqlx::Result<Self> {
        // A schema that the role may not use is not a current one.
        let schema = sqlx::query!(
            "select schema.name as \"name!\",
                    coalesce(has_schema_privilege(to_regnamespace(quote_ident(schema.name)), 'USAGE'), false) as \"may_use!\",
                    coalesce(has_schema_privilege(to_regnamespace(quote_ident(schema.name)), 'CREATE'), false) as \"may_create!\"
             from (select coalesce(current_schema()::text, 'public') as name) schema"
        )
        .fetch_one(&mut *connection)
        .await?;
        let (names, privileges): (Vec<&str>, Vec<&str>) = NEEDED.into_iter().unzip();
        let rows = sqlx::query!(
            "select relname::text as \"table!\", number as \"number!\",
                    has_table_privilege(pg_class.oid, privilege) as \"is_granted!\",
                    case when not pg_has_role(relowner, 'USAGE') then pg_get_userbyid(relowner)::text end as foreign_owner
             from unnest($1::text[], $2::text[]) with ordinality as needed (name, privilege, number)
             join pg_class on relname = name and relnamespace = to_regnamespace(quote_ident($3))
             order by number",
            &names as &[&str],
            &privileges as &[&str],
            schema.name
        )
        .fetch_all(connection)
        .await?;
        let mut tables: Vec<Table> = Vec::new();
        for row in rows {
            if tables.last().is_none_or(|table| table.name != row.table) {
                tables.push(Table {
                    name: row.table,
                    foreign_owner: row.foreign_owner,
                    missing: Vec::new(),
                });
            }
            let needed = usize::try_from(row.number)
                .ok()
                .and_then(|number| NEEDED.get(number - 1));
            if let (false, Some(table), Some((_, privilege))) = (row.is_granted, tables.last_mut(), needed) {
                table.missing.push(privilege);
            }
        }
        Ok(Self {
            schema: schema.name,
            may_use_schema: schema.may_use,
            may_create: schema.may_create,
            tables,
        })
    }

    /// The commands that let the role work with the tables, or create them if there are none.
    pub(super) fn missing_grants(&self, role: &str) -> Vec<String> {
        if self.tables.is_empty() {
            return self.missing_grants_to_migrate(role);
        }
        let schema = quoted(&self.schema);
        let mut grants = Vec::new();
        if !self.may_use_schema {
            grants.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role}"));
        }
        for table in self.tables.iter().filter(|table| !table.missing.is_empty()) {
            let (name, privileges) = (quoted(&table.name), table.missing.join(", "));
            grants.push(format!("GRANT {privileges} ON TABLE {schema}.{name} TO {role}"));
        }
        grants
    }

    /// The commands that let the role create the tables, or change them for this program's version.
    pub(super) fn missing_grants_to_migrate(&self, role: &str) -> Vec<String> {
        let mut grants = Vec::new();
        if !self.may_use_schema || !self.may_create {
            let schema = quoted(&self.schema);
            grants.push(format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"));
        }
        for owner in self.tables.iter().filter_map(|table| table.foreign_owner.as_ref()) {
            let grant = format!("GRANT {} TO {role}", quoted(owner));
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        grants
    }
}

/// A name, quoted for SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
