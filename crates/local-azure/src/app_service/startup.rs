//! The environment of an instance, and the script that runs its startup command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::instance::{instance_id, role_instance_id};
use super::log::output_file;
use super::package::{Site, set_writable};
use super::runtime::Runtime;
use super::settings::{Settings, variable};
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::network::{Inside, NetworkFiles, View};
use crate::process::{Program, plain_environment};
use crate::server::LOOPBACK;
use crate::shell_quote::quote_for_shell;
use crate::state::{Authentication, State, UnauthenticatedAction, View as _, WebApp};

/// The parameters for starting an instance.
pub(super) struct Start<'a> {
    pub(super) app: &'a WebApp,
    /// The command that starts the app.
    pub(super) command: &'a str,
    /// Variables that take the place of app settings.
    pub(super) addresses: &'a BTreeMap<String, String>,
    pub(super) site: &'a Site,
    /// The folder of the version that it runs.
    pub(super) folder: &'a Path,
    /// The number of the instance.
    pub(super) number: u32,
    /// The generation of the instance. The startup script's name contains it.
    pub(super) generation: u64,
    pub(super) port: u16,
    /// The app's host name in Azure.
    pub(super) host: &'a str,
    /// The values of `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    pub(super) identity: Option<(&'a str, &'a str)>,
    /// The files of the network that the instance runs in, and the folder of its own socket. `None` if it shares the
    /// network of this machine.
    pub(super) network: Option<(&'a NetworkFiles, &'a Path)>,
}

impl Start<'_> {
    /// Writes the startup script. Returns the program that runs it.
    pub(super) fn program(&self, state: &State) -> Result<Program> {
        let settings = Settings::of(self.app);
        let (program, arguments) = self.command(settings.read_only)?;
        Ok(Program {
            program,
            arguments,
            environment: self.environment(state).into_iter().collect(),
            folder: self.site.home(),
            log: output_file(&self.site.log_folder(), self.number),
            stop_signal: "TERM",
            stop_limit: settings.stop_limit,
            prints_times: false,
            in_namespace: self.network.is_some(),
        })
    }

    fn command(&self, read_only: bool) -> Result<(OsString, Vec<OsString>)> {
        if let Some((files, own)) = self.network {
            let inside = Inside {
                files,
                own,
                port: self.port,
                view: View::App {
                    home: &self.site.home(),
                    version: self.folder,
                    read_only,
                },
            };
            return Ok(inside.command(["/bin/sh".into(), "-c".into(), self.script(read_only).into()]));
        }
        let name = format!("{}-{}.sh", self.number, self.generation);
        let script = self.site.startup().join(name);
        write_private(&script, self.script(read_only).as_bytes())?;
        if read_only && can_mount() {
            let mut arguments: Vec<OsString> = ["--mount", "--", "/bin/sh", "-c", READ_ONLY, "sh"]
                .map(Into::into)
                .into();
            arguments.extend([self.folder.into(), script.into()]);
            return Ok(("unshare".into(), arguments));
        }
        // The owner can make the files writable again, so this prevents only accidental writes.
        set_writable(self.folder, !read_only).map_err(Error::file(self.folder))?;
        Ok(("/bin/sh".into(), vec![script.into()]))
    }

    /// The script, in the same form as Oryx writes it.
    /// <https://github.com/microsoft/Oryx/tree/main/src/startupscriptgenerator>
    fn script(&self, read_only: bool) -> String {
        let (folder, trap) = match self.network {
            Some(_) => (WWWROOT.to_owned(), ""),
            None => (quote_for_shell(&self.folder.to_string_lossy()), TRAP),
        };
        let command = self.command;
        let mut script = format!("#!/bin/sh\n{trap}\ncd {folder}\nexport APP_PATH={folder}\n");
        if self.folder.join(ACTIVATE).is_file() {
            let _ = writeln!(script, ". ./{ACTIVATE}");
        } else if Runtime::of(self.app) == Some(Runtime::Python) {
            script.push_str(PYTHON);
        }
        if !read_only && self.folder.join(command).is_file() {
            let _ = writeln!(script, "chmod 0755 {} 2>/dev/null", quote_for_shell(command));
        }
        let _ = writeln!(script, "PATH=\"$PATH\":{folder} {command}");
        script
    }

    /// The instance's whole environment.
    fn environment(&self, state: &State) -> BTreeMap<OsString, OsString> {
        let own = plain_environment().into_iter();
        let inherited = own.filter(|(name, _)| name == "PATH" || name == "LANG");
        let variables = self.variables(state).into_iter();
        inherited
            .chain(variables.map(|(name, value)| (name.into(), value.into())))
            .collect()
    }

    /// The app settings, the connection strings and the variables that App Service sets.
    /// <https://learn.microsoft.com/azure/app-service/reference-app-settings>
    pub(super) fn variables(&self, state: &State) -> BTreeMap<String, String> {
        let app = self.app;
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        for (name, string) in &app.connection_strings {
            set(&string.variable(name), &string.value);
        }
        for (name, value) in app.settings.iter().chain(self.addresses) {
            if let Some(name) = variable(name) {
                set(&name, value);
            }
        }
        let group = app.id.resource_group().unwrap_or_default();
        let owner = format!("{}+{group}-{}webspace-Linux", state.subscription, app.location);
        let own_home = self.site.home();
        let (host, home) = match self.network {
            Some(_) => ("0.0.0.0", "/home".into()),
            None => (LOOPBACK, own_home.to_string_lossy()),
        };
        for (name, value) in [
            ("HOST", host),
            ("PORT", &self.port.to_string()),
            ("HOME", &home),
            ("WEBSITE_HOSTNAME", self.host),
            ("WEBSITE_DEFAULT_HOSTNAME", self.host),
            ("WEBSITE_SITE_NAME", app.name()),
            (
                "WEBSITE_INSTANCE_ID",
                &instance_id(state.subscription, app.name(), self.number),
            ),
            ("WEBSITE_ROLE_INSTANCE_ID", &role_instance_id(self.number)),
            ("WEBSITE_RESOURCE_GROUP", group),
            ("WEBSITE_OWNER_NAME", &owner),
            ("REGION_NAME", &app.location),
            ("WEBSITE_SKU", "Basic"),
        ] {
            set(name, value);
        }
        for (name, value) in authentication_variables(&Authentication::of(state, &app.id)) {
            set(name, &value);
        }
        if let Some((endpoint, header)) = self.identity {
            set("IDENTITY_ENDPOINT", endpoint);
            set("IDENTITY_HEADER", header);
        }
        if let Some((files, _)) = self.network {
            for (name, bundle) in files.trust() {
                set(name, &bundle.to_string_lossy());
            }
        }
        variables
    }
}

/// The variables that tell an app about App Service Authentication. It cannot set them itself.
///
/// Microsoft documents `WEBSITE_AUTH_ENABLED`, and `Microsoft.Identity.Web` reads the others. The default provider is set only if
/// visitors are sent to its sign-in page (AzureAD/microsoft-identity-web#1806).
/// <https://learn.microsoft.com/azure/app-service/reference-app-settings#authentication--authorization>
fn authentication_variables(settings: &Authentication) -> Vec<(&'static str, String)> {
    if !settings.is_enabled {
        return vec![("WEBSITE_AUTH_ENABLED", "False".to_owned())];
    }
    let mut variables = vec![
        ("WEBSITE_AUTH_ENABLED", "True".to_owned()),
        ("WEBSITE_AUTH_LOGOUT_PATH", "/.auth/logout".to_owned()),
        (
            "WEBSITE_AUTH_UNAUTHENTICATED_ACTION",
            settings.unauthenticated.name().to_owned(),
        ),
    ];
    if settings.unauthenticated == UnauthenticatedAction::RedirectToLoginPage {
        variables.push(("WEBSITE_AUTH_DEFAULT_PROVIDER", "AzureActiveDirectory".to_owned()));
    }
    let optional = [
        ("WEBSITE_AUTH_CLIENT_ID", &settings.client_id),
        ("WEBSITE_AUTH_OPENID_ISSUER", &settings.issuer),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)));
    variables.extend(optional);
    variables
}

/// The app's folder in the file system of an instance with its own network.
const WWWROOT: &str = "/home/site/wwwroot";

/// The script that activates the virtual environment of a build.
const ACTIVATE: &str = "antenv/bin/activate";

/// On App Service, python is Python 3.
const PYTHON: &str = "command -v python >/dev/null || {\n\
                      \x20 mkdir -p \"$HOME/.local/bin\" && ln -sf \"$(command -v python3)\" \"$HOME/.local/bin/python\"\n\
                      \x20 export PATH=\"$PATH:$HOME/.local/bin\"\n\
                      }\n";

/// Gives a shell that is not the first process the behaviour of one that is.
const TRAP: &str = "# On App Service this shell is the first process of a container: SIGTERM does not end it, and it does not\n\
                    # forward the signal. A command that replaces it with exec receives the signal.\n\
                    trap : TERM\n";

/// Makes the app's folder read-only for the app only. This works even if the app runs as root, which file modes do not
/// restrict.
const READ_ONLY: &str = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec /bin/sh "$2""#;

/// Whether this process may create a mount namespace. That requires root, and some containers do not permit it at all.
pub(super) fn can_mount() -> bool {
    static CAN_MOUNT: OnceLock<bool> = OnceLock::new();
    *CAN_MOUNT.get_or_init(|| {
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--", "true"]);
        unshare.stdout(Stdio::null()).stderr(Stdio::null());
        is_root && unshare.status().is_ok_and(|status| status.success())
    })
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::app;
    use super::*;
    use crate::state::ConnectionString;

    #[test]
    fn the_environment_consists_of_the_settings_and_the_platforms_variables() {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path().join("app")).unwrap();
        let mut app = app(&[
            ("A_1", "x"),
            ("a.b", "y"),
            ("bad-name", "x"),
            ("HOST", "0.0.0.0"),
            ("PORT", "1"),
        ]);
        let string = ConnectionString {
            value: "Server=db".to_owned(),
            kind: "SQLAzure".to_owned(),
        };
        app.connection_strings.insert("main".to_owned(), string);
        let state = State::default();
        let start = Start {
            app: &app,
            command: "run.sh",
            addresses: &BTreeMap::new(),
            site: &site,
            folder: folder.path(),
            number: 1,
            generation: 0,
            port: 8000,
            host: "contoso.azurewebsites.net",
            identity: None,
            network: None,
        };
        let environment = start.environment(&state);
        let get = |name: &str| {
            environment
                .get(&OsString::from(name))
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(get("A_1"), Some("x"));
        assert_eq!(get("a_b"), Some("y"));
        assert_eq!(get("SQLAZURECONNSTR_main"), Some("Server=db"));
        assert_eq!(get("bad-name"), None);
        assert_eq!(get("HOST"), Some("127.0.0.1"));
        assert_eq!(get("PORT"), Some("8000"));
        assert_eq!(get("IDENTITY_ENDPOINT"), None);
        assert_eq!(get("WEBSITE_INSTANCE_ID").unwrap().len(), 64);
        let id = |number| instance_id(state.subscription, "contoso", number);
        assert_ne!(id(0), id(1));
        assert_eq!(environment.keys().filter(|name| *name == "CARGO").count(), 0);
    }

    #[test]
    fn the_script_is_the_one_that_oryx_writes() {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path().join("app")).unwrap();
        let version = folder.path().join("it's");
        fs::create_dir(&version).unwrap();
        fs::write(version.join("run.sh"), "").unwrap();
        let app = app(&[]);
        let start = Start {
            app: &app,
            command: "run.sh",
            addresses: &BTreeMap::new(),
            site: &site,
            folder: &version,
            number: 0,
            generation: 0,
            port: 1,
            host: "",
            identity: None,
            network: None,
        };
        let script = start.script(false);
        assert!(script.contains("it'\\''s'\nchmod 0755 'run.sh'"), "{script}");
        assert!(script.ends_with("it'\\''s' run.sh\n"), "{script}");
        assert!(!start.script(true).contains("chmod") && !script.contains("antenv") && !script.contains("python"));
        let mut python = app.clone();
        python.runtime = "PYTHON|3.13".to_owned();
        let start = Start { app: &python, ..start };
        let script = start.script(false);
        assert!(
            script.contains("\ncommand -v python >/dev/null || {\n  mkdir"),
            "{script}"
        );
        fs::create_dir_all(version.join("antenv/bin")).unwrap();
        fs::write(version.join("antenv/bin/activate"), "").unwrap();
        assert!(start.script(false).contains("\n. ./antenv/bin/activate\n"));
    }
}
