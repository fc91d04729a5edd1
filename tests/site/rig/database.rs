//! A database for a single test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use local_azure::testing::Cloud;
use restaurant_review::config::{DatabaseConfig, Secret};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::print_logs_if_failed;

/// A new database, and a role that may use and create anything in its schema `public`, but nothing else. Both have
/// names that need quotes in SQL. If the test fails, the logs of its cloud are printed.
pub struct Database {
    pub cloud: Arc<Cloud>,
    pub config: DatabaseConfig,
}

impl Database {
    /// A database whose role has a password.
    pub async fn with_password(cloud: &Arc<Cloud>) -> Self {
        let mut database = Self::without_role(cloud).await;
        let password = format!("secret of {}", database.config.user);
        let role = format!("create role \"{}\" login password '{password}'", database.config.user);
        database.admin(&role).await;
        database.config.password = Some(Secret::new(password));
        database.let_role_in().await;
        database
    }

    /// A database whose role belongs to the site's identity.
    pub async fn for_identity(cloud: &Arc<Cloud>) -> Self {
        let database = Self::without_role(cloud).await;
        cloud.create_role(&database.config.user).await;
        database.let_role_in().await;
        database
    }

    async fn without_role(cloud: &Arc<Cloud>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("Test {number}");
        let postgres = cloud.postgres().await;
        postgres.create_database(&name).await.unwrap();
        Self {
            cloud: cloud.clone(),
            config: DatabaseConfig {
                host: "127.0.0.1".to_owned(),
                port: postgres.port(),
                name,
                user: format!("web-{number}"),
                password: None,
                ssl_mode: PgSslMode::VerifyFull,
                root_certificates: Some(cloud.root_certificate()),
                client_id: None,
            },
        }
    }

    async fn let_role_in(&self) {
        let DatabaseConfig { name, user, .. } = &self.config;
        for command in [
            format!("revoke all on database \"{name}\" from public"),
            format!("grant connect on database \"{name}\" to \"{user}\""),
            "revoke all on schema public from public".to_owned(),
            format!("grant usage, create on schema public to \"{user}\""),
        ] {
            self.admin(&command).await;
        }
    }

    /// Lets only the tokens of that principal sign in as the database's role.
    pub async fn bind_role(&self, object_id: &str) {
        let user = &self.config.user;
        let mut admin = self.cloud.postgres().await.superuser("postgres").await.unwrap();
        sqlx::query("select pgaadauth_update_principal_with_oid($1, $2, 'service', false, false)")
            .bind(user)
            .bind(object_id)
            .execute(&mut admin)
            .await
            .unwrap();
    }

    /// Runs a command in this database as the superuser.
    pub async fn admin(&self, command: &str) {
        let mut admin = self.cloud.postgres().await.superuser(&self.config.name).await.unwrap();
        admin.execute(AssertSqlSafe(command.to_owned())).await.unwrap();
    }

    /// Ends every connection of the site.
    pub async fn end_connections(&self) {
        // Other tests use other databases of the same server.
        let name = &self.config.name;
        self.admin(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where application_name = 'restaurant-review' and datname = '{name}'"
        ))
        .await;
    }

    /// Another program's connection with the same role, which has a password.
    pub async fn plain_sql(&self) -> PgConnection {
        PgConnectOptions::new_without_pgpass()
            .host(&self.config.host)
            .port(self.config.port)
            .username(&self.config.user)
            .password(self.config.password.as_ref().unwrap().expose())
            .database(&self.config.name)
            .ssl_mode(PgSslMode::Require)
            .connect()
            .await
            .unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        print_logs_if_failed(&self.cloud);
    }
}
