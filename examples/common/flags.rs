//! The command line of an example.

use std::{collections::BTreeMap, env, process::exit};

/// The values of the flags that were given.
pub(crate) struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    /// Reads the command line, as `--flag value` or `--flag=value`. A flag that is not
    /// there is read from the environment: `--listen` of `manage` is `MANAGE_LISTEN`.
    ///
    /// Each of `known` is a flag and a placeholder for its value, if it takes one:
    /// `--user NAME:PASSWORD`. `--listen ADDR` is always known. `--help` prints them all
    /// and ends the process; a mistake ends it with status 2 and one line.
    pub(crate) fn read(program: &str, known: &[&'static str]) -> Self {
        let known = [&["--listen ADDR"], known].concat();
        let arguments = env::args_os().skip(1);
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        let arguments: Vec<String> = arguments.collect();
        let usage = format!("usage: {program} [{}]", known.join("] ["));
        if arguments.iter().any(|argument| argument == "--help") {
            println!("{usage}");
            exit(0);
        }
        let mut flags = parse(&known, arguments).unwrap_or_else(|error| {
            eprintln!("{program}: {error}; {usage}");
            exit(2);
        });
        for (name, _) in known.iter().map(|flag| split(flag)) {
            let variable = format!("{program}{}", name.replacen("--", "_", 1));
            let variable = variable.replace('-', "_").to_uppercase();
            let value = env::var(variable).ok().filter(|value| !value.is_empty());
            if let (false, Some(value)) = (flags.contains_key(name), value) {
                flags.insert(name, value);
            }
        }
        Self(flags)
    }

    /// Returns the value of a flag, which is empty for a flag without one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Returns the values of the flags, or one line about the first mistake. The line
/// repeats no value, since that may be a secret.
fn parse(
    known: &[&'static str],
    arguments: Vec<String>,
) -> Result<BTreeMap<&'static str, String>, String> {
    let mut flags = BTreeMap::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (given, value) = match argument.split_once('=') {
            Some((given, value)) => (given, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        if !given.starts_with('-') {
            return Err("unexpected argument without a flag".to_owned());
        }
        let mut known = known.iter().map(|flag| split(flag));
        let (name, placeholder) = known
            .find(|(name, _)| *name == given)
            .ok_or_else(|| format!("unknown flag {given:?}"))?;
        let value = match (placeholder, value) {
            ("", Some(_)) => return Err(format!("{name} takes no value")),
            ("", None) => String::new(),
            (_, value) => value
                .or_else(|| arguments.next().filter(|next| !next.starts_with("--")))
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("{name} needs a value"))?,
        };
        if flags.insert(name, value).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    Ok(flags)
}

/// Returns the name of a flag, and the placeholder for its value.
fn split(flag: &'static str) -> (&'static str, &'static str) {
    flag.split_once(' ').unwrap_or((flag, ""))
}
