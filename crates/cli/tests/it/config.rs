//! The configuration file of `serve`, and what `config` says of it.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::program::{Server, command, run};

/// A directory with a configuration file of this content.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("steadfast.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The value of a name and where it came from.
#[track_caller]
fn shown(arguments: &[&str], name: &str) -> (String, String) {
    let all = [&["--format", "json", "config", "show"], arguments].concat();
    let rows = run(&all).ok();
    let rows = rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let row = rows.into_iter().find(|row| row["name"] == name).expect(name);
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    (text("value"), text("from"))
}

#[track_caller]
fn check_shown(arguments: &[&str], name: &str, value: &str, from: &str) {
    assert_eq!(shown(arguments, name), (value.to_owned(), from.to_owned()), "{name}");
}

#[test]
fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
    let (_dir, path) = file(
        "data = 'd'\nlimits = 'roblox'\n[server]\nlisten = '127.0.0.1:1'\nrequest_timeout = '5s'\n\
         [server.budgets]\nccu = 7\n[settings]\nAutoSaveInterval = 90\n",
    );
    let with_file = ["--config", text(&path)];
    check_shown(&[], "data", "data", "default");
    check_shown(&[], "server.listen", "127.0.0.1:8787", "default");
    check_shown(&[], "settings.AutoSaveInterval", "60s", "default");
    check_shown(&with_file, "data", "d", "file");
    check_shown(&with_file, "limits", "roblox", "file");
    check_shown(&with_file, "history", "hourly", "default");
    check_shown(&with_file, "server.listen", "127.0.0.1:1", "file");
    check_shown(&with_file, "server.request_timeout", "5s", "file");
    check_shown(&with_file, "server.write_timeout", "30s", "default");
    check_shown(&with_file, "server.budgets.ccu", "7", "file");
    check_shown(&with_file, "server.budgets.window_count_max", "100000", "default");
    check_shown(&with_file, "settings.AutoSaveInterval", "90s", "file");
    let flags = ["--data", "e", "--listen", "127.0.0.1:2", "--ccu", "8", "--history", "every"];
    let with_flags = [&with_file[..], &flags].concat();
    check_shown(&with_flags, "data", "e", "flag");
    check_shown(&with_flags, "limits", "roblox", "file");
    check_shown(&with_flags, "history", "every", "flag");
    check_shown(&with_flags, "server.listen", "127.0.0.1:2", "flag");
    check_shown(&with_flags, "server.budgets.ccu", "8", "flag");
    check_shown(&with_flags, "STEADFAST_LOG", "info", "default");
    let mut with_variable = command(&["config", "show"]);
    let output = with_variable.env("STEADFAST_LOG", "debug").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|line| line.contains("STEADFAST_LOG")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["STEADFAST_LOG", "debug", "environment"]);
}

#[test]
fn everything_that_is_wrong_with_a_file_is_in_one_message() {
    let (_dir, path) = file(
        "data = 5\nlimits = 'x'\nhistory = 'daily'\ncolour = 'red'\n\
         [server]\nlisten = 'here'\nport = 5\nhead_timeout = '0s'\n[server.budgets]\nccu = 1\n\
         [settings]\nFoo = 1\nAutoSaveInterval = 0\nLeaseTimeout = 60\nOpenTimeout = []\n",
    );
    let refused = run(&["config", "check", text(&path)]).failed(2);
    let refused = refused.replace(text(&path), "FILE").replace("; ", "\n");
    assert_snapshot!(refused, @r"
    error: cannot use `FILE`
      caused by: there is no `colour`
    `data` is not text
    `history` must be `thinned` or `hourly` or `every`
    `limits` must be `native` or `roblox`
    `server.listen`: invalid socket address syntax
    `server.port`: unknown field `port`, expected one of `listen`, `connection_count_max`, `backlog_count_max`, `head_timeout`, `header_count_max`, `head_size_max`, `uri_size_max`, `body_timeout`, `body_slack_size`, `body_memory_max`, `request_timeout`, `write_timeout`, `stream_count_max`, `shutdown_timeout`, `budgets`, `backups`
    `AutoSaveInterval` is 0s, it must be 1ms to 86400s
    there is no setting `Foo`
    `OpenTimeout` is neither a number, nor text, nor a flag
    `server.budgets.ccu` says nothing to limits that count no requests
    `head_timeout` is 0
    `LeaseTimeout` is 60s, it must be more than twice the `AutoSaveInterval` of 60s

    hint: add `--limits roblox`
    ");
    // `serve` and `show` say the same, and start nothing.
    for command in [&["serve"][..], &["config", "show"]] {
        let all = [command, &["--config", text(&path)]].concat();
        let again = run(&all).failed(2).replace(text(&path), "FILE").replace("; ", "\n");
        assert_eq!(again, refused, "{command:?}");
    }
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_the_line() {
    let (_dir, path) = file("data = 'd'\ndata = 'e'\n");
    let refused = run(&["config", "check", text(&path)]).failed(2).replace(text(&path), "FILE");
    assert!(refused.contains("cannot use `FILE`") && refused.contains("line 2"), "{refused}");
    let missing = path.with_file_name("none.toml");
    let refused = run(&["config", "check", text(&missing)]).failed(1);
    assert!(refused.contains("cannot read `"), "{refused}");
}

#[test]
fn the_file_of_the_documents_can_be_used_and_is_what_a_server_runs_with_by_default() {
    let document = include_str!("../../../../docs/operating/config.md");
    let example = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let (_dir, path) = file(example);
    let said = run(&["config", "check", text(&path)]).ok();
    assert_eq!(said, format!("`{}` can be used\n", text(&path)));
    let values = |arguments: &[&str]| {
        let table = run(arguments).ok();
        table.lines().map(|line| line.rsplit_once(' ').unwrap().0.trim_end().to_owned()).collect()
    };
    let by_file: Vec<String> = values(&["config", "show", "--config", text(&path)]);
    let by_default: Vec<String> = values(&["config", "show"]);
    assert_eq!(by_file, by_default);
}

#[test]
fn a_server_runs_with_its_file() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("store");
    let (_dir, path) = file(&format!(
        "data = '{}'\nlimits = 'roblox'\n[server]\nlisten = '127.0.0.1:0'\n",
        text(&data)
    ));
    let server = Server::start_command(command(&["serve", "--config", text(&path)]));
    assert!(data.join("FORMAT").exists(), "{:?}", server.lines);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
}
