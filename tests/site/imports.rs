//! No module imports another one that imports it back, directly or through others.
//!
//! The rule: a module imports another when its code, except for tests, names something that is defined there; a `mod`
//! or `pub use` line alone only passes on a name. Each file is one module, and `mod.rs` stands for its folder. The rule
//! also holds between the folders at the top, each taken as a whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

#[test]
fn the_site_has_no_import_cycle() {
    assert_no_cycles("src");
}

#[test]
fn the_credential_has_no_import_cycle() {
    assert_no_cycles("crates/default-azure-credential/src");
}

#[test]
fn local_azure_has_no_import_cycle() {
    assert_no_cycles("crates/local-azure/src");
}

#[test]
fn the_processing_of_photos_has_no_import_cycle() {
    assert_no_cycles("crates/photo-processing/src");
}

fn assert_no_cycles(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    read_folder(&folder, "", &mut files);
    assert!(files.len() > 1, "{} has no files", folder.display());
    let imports = imports(&files);
    let cycles = [cycles(&imports), cycles(&of_top_folders(&imports))].concat();
    assert!(cycles.is_empty(), "import cycles:\n{}", cycles.join("\n"));
}

/// The name and text of each Rust file below a folder.
fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_folder(&path, &format!("{name}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
}

/// A path of segments, such as `crate::store::Store`.
type Segments = Vec<String>;

/// What one file names.
#[derive(Default)]
struct Module {
    /// The names that its `use` lines bring in, each with its path from the crate's root.
    aliases: BTreeMap<String, Segments>,
    /// The paths of its `use` lines without `pub`.
    private_uses: Vec<Segments>,
    /// The paths and names in its code.
    mentions: BTreeSet<Segments>,
    /// Modules that are compiled for tests only.
    test_modules: Vec<Segments>,
}

/// Which modules each module imports.
type Imports = BTreeMap<Segments, BTreeSet<Segments>>;

fn imports(files: &[(String, String)]) -> Imports {
    // A binary is a separate crate, which its library cannot import.
    let files = files.iter().filter(|(name, _)| name != "main.rs");
    let texts: BTreeMap<Segments, &str> = files
        .map(|(name, text)| (module_of_file(name), text.as_str()))
        .collect();
    let names: BTreeSet<Segments> = texts.keys().cloned().collect();
    let mut modules: BTreeMap<Segments, Module> = BTreeMap::new();
    for (name, text) in texts {
        let mut scan = Scan {
            names: &names,
            module: Module::default(),
        };
        scan.code(&tokens(text), &name);
        modules.insert(name, scan.module);
    }
    let of_tests: Vec<Segments> = modules
        .values()
        .flat_map(|module| module.test_modules.clone())
        .collect();
    modules.retain(|name, _| !of_tests.iter().any(|test| name.starts_with(test)));

    let mut imports = Imports::new();
    for (name, module) in &modules {
        let mut imported = BTreeSet::new();
        for path in &module.private_uses {
            // A module that is imported is named where it is used.
            let (target, is_module) = resolve(&modules, path);
            if !is_module {
                imported.insert(target);
            }
        }
        for path in &module.mentions {
            let path = match module.aliases.get(&path[0]) {
                Some(alias) => [alias, &path[1..]].concat(),
                // `pub(crate)` names nothing.
                None if path[0] == "crate" && path.len() > 1 => path.clone(),
                None => continue,
            };
            imported.insert(resolve(&modules, &path).0);
        }
        imported.remove(name);
        imports.insert(name.clone(), imported);
    }
    imports
}

/// The imports between the folders at the top, each with all its files.
fn of_top_folders(imports: &Imports) -> Imports {
    let folder = |module: &Segments| module.iter().take(2).cloned().collect::<Segments>();
    let mut folders = Imports::new();
    for (from, imported) in imports {
        let others = imported.iter().map(folder).filter(|to| *to != folder(from));
        folders.entry(folder(from)).or_default().extend(others);
    }
    folders
}

/// `cache/mod.rs` is `crate::cache`, `cache/page.rs` is `crate::cache::page`, `lib.rs` is `crate`.
fn module_of_file(name: &str) -> Segments {
    let name = name.strip_suffix(".rs").unwrap();
    let name = name.strip_suffix("/mod").unwrap_or(name);
    let segments = name.split('/').filter(|segment| *segment != "lib");
    std::iter::once("crate").chain(segments).map(str::to_owned).collect()
}

/// The module in which the thing at this path is defined, through any number of `use` lines, and whether the path
/// names the module itself.
fn resolve(modules: &BTreeMap<Segments, Module>, path: &[String]) -> (Segments, bool) {
    let mut module = vec!["crate".to_owned()];
    for (index, segment) in path.iter().enumerate().skip(1) {
        let child = [&module[..], std::slice::from_ref(segment)].concat();
        if modules.contains_key(&child) {
            module = child;
        } else {
            return match modules[&module].aliases.get(segment) {
                Some(alias) => resolve(modules, &[alias, &path[index + 1..]].concat()),
                None => (module, false),
            };
        }
    }
    (module, true)
}

/// The tokens of a file: words, `::`, and other characters one by one. Comments, lifetimes and the contents of string
/// literals are omitted.
fn tokens(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let is_word = |at: usize| text.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let word_end = |at: usize| (at..text.len()).find(|at| !is_word(*at)).unwrap_or(text.len());
    let starts = |at: usize, part: &str| part.chars().enumerate().all(|(i, c)| text.get(at + i) == Some(&c));
    let find = |at: usize, part: &str| {
        (at..text.len())
            .find(|at| starts(*at, part))
            .map_or(text.len(), |at| at + part.len())
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if starts(at, "//") {
            at = find(at, "\n");
        } else if starts(at, "/*") {
            at = find(at, "*/");
        } else if is_word(at) {
            let end = word_end(at);
            let word: String = text[at..end].iter().collect();
            let hashes = text[end..].iter().take_while(|c| **c == '#').count();
            if matches!(word.as_str(), "r" | "br") && text.get(end + hashes) == Some(&'"') {
                at = find(end + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
            } else {
                tokens.push(word);
                at = end;
            }
        } else if text[at] == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if text[at] == '\'' {
            at = if starts(at + 1, "\\") {
                find(at + 3, "'")
            } else if text.get(at + 2) == Some(&'\'') {
                at + 3
            } else {
                word_end(at + 1)
            };
        } else if starts(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !text[at].is_whitespace() {
                tokens.push(text[at].to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// Where the bracket at the beginning closes: the index after its end.
fn closed(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Reads one file.
struct Scan<'a> {
    names: &'a BTreeSet<Segments>,
    module: Module,
}

impl Scan<'_> {
    /// Reads the code of the module `scope`.
    fn code(&mut self, tokens: &[String], scope: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            let token = |offset: usize| tokens.get(at + offset).map_or("", String::as_str);
            at += match token(0) {
                "#" if token(1) == "[" => {
                    let end = closed(&tokens[at + 1..]) + 1;
                    if tokens[at + 2..at + end - 1].concat() == "cfg(test)" {
                        end + self.item_for_tests(&tokens[at + end..], scope)
                    } else {
                        end
                    }
                }
                "mod" if token(2) == "{" => {
                    let end = at + 2 + closed(&tokens[at + 2..]);
                    self.code(&tokens[at + 3..end - 1], &[scope, &[token(1).to_owned()]].concat());
                    end - at
                }
                "mod" if token(2) == ";" => 3,
                "use" if token(1) != "<" => {
                    let length = tokens[at..].iter().take_while(|token| *token != ";").count();
                    // `pub` or `pub(crate)`
                    let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                    self.use_tree(&tokens[at + 1..at + length], &[], is_public, scope);
                    length
                }
                word if is_word(word) => {
                    let (path, length) = path(&tokens[at..]);
                    let path = self.absolute(&path, scope).unwrap_or(path);
                    self.module.mentions.insert(path);
                    length
                }
                _ => 1,
            };
        }
    }

    /// The length of the item at the beginning, which is compiled for tests only.
    fn item_for_tests(&mut self, tokens: &[String], scope: &[String]) -> usize {
        let mut at = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "mod" => self.module.test_modules.push([scope, &tokens[at + 1..at + 2]].concat()),
                "{" => return at + closed(&tokens[at..]),
                ";" => return at + 1,
                "(" | "[" => at += closed(&tokens[at..]) - 1,
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// Notes the names of a `use` line, or of one branch of it.
    fn use_tree(&mut self, tokens: &[String], prefix: &[String], is_public: bool, scope: &[String]) {
        let (segments, length) = path(tokens);
        let mut segments = [prefix, &segments].concat();
        if tokens.get(length).is_some_and(|token| token == "{") {
            let mut rest = &tokens[length + 1..tokens.len() - 1];
            while !rest.is_empty() {
                let mut end = 0;
                while end < rest.len() && rest[end] != "," {
                    end += if rest[end] == "{" { closed(&rest[end..]) } else { 1 };
                }
                self.use_tree(&rest[..end], &segments, is_public, scope);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            return;
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let Some(target) = self.absolute(&segments, scope) else {
            return; // another crate's
        };
        let name = match &tokens[length..] {
            [] => segments[segments.len() - 1].clone(),
            // `use path as name`
            [_, name] => name.clone(),
            // `use path::*`
            _ => {
                self.module.mentions.insert(target);
                return;
            }
        };
        if !is_public {
            self.module.private_uses.push(target.clone());
        }
        self.module.aliases.insert(name, target);
    }

    /// The path from the crate's root; `None` if it does not begin with `crate`, `super`, `self` or a child module.
    fn absolute(&self, path: &[String], scope: &[String]) -> Option<Segments> {
        let first = path.first()?;
        let is_child = || self.names.contains(&[scope, std::slice::from_ref(first)].concat());
        match first.as_str() {
            "crate" => return Some(path.to_vec()),
            // A single word is a name, and `self` and `super` alone are a value and part of `pub(super)`.
            _ if path.len() == 1 => return None,
            "self" | "super" => {}
            _ if is_child() => {}
            _ => return None,
        }
        let mut base = scope.to_vec();
        let mut rest = path;
        while let Some(first) = rest.first().filter(|first| *first == "self" || *first == "super") {
            if first == "super" {
                base.pop();
            }
            rest = &rest[1..];
        }
        Some([&base, rest].concat())
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path that the tokens begin with, and how many of them it takes.
fn path(tokens: &[String]) -> (Segments, usize) {
    let mut segments = Segments::new();
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| is_word(token)) {
        segments.push(tokens[at].clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    (segments, at)
}

/// For each import that is part of a cycle, the shortest cycle that contains it.
fn cycles(imports: &Imports) -> Vec<String> {
    let mut cycles = BTreeSet::new();
    for (from, imported) in imports {
        for to in imported {
            if let Some(mut cycle) = way(imports, to, from) {
                let first = cycle.iter().enumerate().min_by_key(|(_, module)| *module).unwrap().0;
                cycle.rotate_left(first);
                cycle.push(cycle[0].clone());
                let cycle: Vec<String> = cycle.iter().map(|module| module.join("::")).collect();
                cycles.insert(cycle.join(" -> "));
            }
        }
    }
    cycles.into_iter().collect()
}

/// The shortest path from one module to another along imports.
fn way(imports: &Imports, from: &Segments, to: &Segments) -> Option<Vec<Segments>> {
    let mut ways = VecDeque::from([vec![from.clone()]]);
    let mut seen = BTreeSet::from([from.clone()]);
    while let Some(way) = ways.pop_front() {
        let last = &way[way.len() - 1];
        if last == to {
            return Some(way);
        }
        for next in imports.get(last).into_iter().flatten() {
            if seen.insert(next.clone()) {
                ways.push_back([&way[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

#[test]
fn a_cycle_is_found_and_harmless_imports_are_not() {
    let found = |files: &[(&str, &str)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let imports = imports(&files);
        [cycles(&imports), cycles(&of_top_folders(&imports))].concat()
    };
    let none: [&str; 0] = [];
    // Through a third module, a re-export, and a path without a `use` line.
    let mut files = vec![
        ("lib.rs", "pub mod a; mod b; mod c;"),
        (
            "a/mod.rs",
            "mod inner; pub use self::inner::Inner; use crate::b::{self, B as Other};",
        ),
        ("a/inner.rs", "pub struct Inner; fn f(_: crate::b::B) {}"),
        ("b.rs", "use std::fmt::{self, Write as _}; pub struct B(crate::c::C);"),
        (
            "c.rs",
            "//! [`crate::a`]\n pub struct C; fn f() { println!(\"{}\", super::a::Inner); }",
        ),
    ];
    assert_eq!(
        found(&files)[0],
        "crate::a::inner -> crate::b -> crate::c -> crate::a::inner"
    );
    // A child may use its parent, and the parent may pass on the child's names.
    files[2].1 = "pub struct Inner; use super::Shared;";
    files[1].1 = "mod inner; pub use inner::Inner; pub struct Shared;";
    files[4].1 = "pub struct C; #[cfg(test)] mod tests { use super::*; use crate::b::B; } // crate::b::B";
    assert_eq!(found(&files), none);
    // But the parent may not use them itself.
    files[1].1 = "mod inner; pub use inner::Inner; pub struct Shared(Inner);";
    assert_eq!(found(&files), ["crate::a -> crate::a::inner -> crate::a"]);
    // No file imports one that imports it back, but the folder `a` and `b` do.
    files[1].1 = "mod inner; mod other;";
    files[2].1 = "pub struct Inner(crate::b::B);";
    files[3].1 = "pub struct B(super::a::other::Other);";
    files.push(("a/other.rs", "pub struct Other;"));
    assert_eq!(found(&files), ["crate::a -> crate::b -> crate::a"]);
}
