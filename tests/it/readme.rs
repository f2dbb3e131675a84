//! What the README says is so: its settings, and the lines of its walk, as they stand.

use std::collections::BTreeMap;
use std::process::Command;

use clap::Args;
use comfrey::config::Config;

use crate::demo::Demo;

const README: &str = include_str!("../../README.md");

#[test]
fn its_settings_are_those_of_the_program() {
    let command = Config::augment_args(clap::Command::new("comfrey"));
    let default =
        |arg: &clap::Arg| arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    let variable = |arg: &clap::Arg| arg.get_env().map(|name| name.to_string_lossy().into_owned());
    let settings: BTreeMap<_, _> =
        command.get_arguments().filter_map(|arg| Some((variable(arg)?, default(arg)))).collect();
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `COMFREY_"));
    let described: BTreeMap<_, _> = rows
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().to_owned());
            let name = format!("COMFREY_{}", cells.next().unwrap().trim_end_matches('`'));
            let default = cells.next().unwrap();
            (name, default.starts_with('`').then(|| default.trim_matches('`').to_owned()))
        })
        .collect();
    assert_eq!(described, settings);
}

#[test]
fn the_five_commands_of_its_walk_print_what_stands_there() {
    let demo = Demo::start();
    let walk = README.split("<!-- walk").nth(1).and_then(|rest| rest.split("<!-- /walk").next()).unwrap();
    let blocks: Vec<&str> = walk.split("```").skip(1).step_by(2).collect();
    let lines =
        |language: &str| blocks.iter().filter_map(move |block| block.strip_prefix(language)).collect();
    let (commands, printed): (Vec<&str>, Vec<&str>) = (lines("sh\n"), lines("text\n"));
    // The first has the helpers, and prints nothing.
    assert_eq!((commands.len(), printed.len()), (6, 5));
    let script = commands.join("echo -----\n");
    let script =
        script.replace("http://127.0.0.1:8080", &demo.origin).replace("curl -s", "curl -sS --fail-with-body");
    let ran = Command::new("bash").args(["-e", "-o", "pipefail", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let said: Vec<&str> = said.split("-----\n").skip(1).collect();
    assert_eq!(said, printed);
}
