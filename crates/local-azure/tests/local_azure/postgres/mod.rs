//! PostgreSQL flexible servers as their clients see them: psql, psycopg and sqlx.

mod functions;
mod lifetimes;
mod sign_in;
