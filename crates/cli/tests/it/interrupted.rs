//! Exports and imports that were killed, and gone on with.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::both::{empty_directory, seed, server};
use crate::program::{PROGRAM, Place, Run, without_variables};

const ENTRY_COUNT: u64 = 5000;
const LIMIT: Duration = Duration::from_mins(1);
const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";

/// Entries that do not compress to nothing.
fn lines() -> String {
    let mut lines = String::new();
    let mut noise = steadfast_core::Rng::seeded(7);
    for n in 0..ENTRY_COUNT {
        let (a, b) = (noise.next_u128(), noise.next_u128());
        writeln!(lines, r#"{{"store":"s{}","key":"u_{n}","value":"{a:x}{b:x}"}}"#, n % 3).unwrap();
    }
    lines
}

fn export(place: &Place, file: &Path, arguments: &[&str]) -> Run {
    let all = ["--universe", "7", "--block-size", "4096", "--format", "json", "--out"];
    let all = [&all[..], &[file.to_str().unwrap()], arguments].concat();
    place.run("export", &all)
}

fn exported(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Everything in a file but its first line, which tells when it was begun.
fn lines_of(file: &Path) -> String {
    let text = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

/// A number in a state file, as soon as there is one.
fn number_in(path: &Path, pointer: &str) -> Option<u64> {
    let state: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    state.pointer(pointer)?.as_u64()
}

/// Kills a program once its state says that it came this far.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test that hangs must end")]
fn kill_at(mut child: Child, state: &Path, pointer: &str, least: u64) {
    let started = Instant::now();
    while number_in(state, pointer).is_none_or(|number| number < least) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it could be killed");
        assert!(started.elapsed() < LIMIT, "it came no further");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn an_export_of_a_directory_that_was_killed_goes_on_to_the_same_file() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let place = empty_directory(&path("data"));
    seed(&place, &lines());
    let whole = exported(&export(&place, &path("whole.zst"), &[]));
    assert_eq!(whole["entries"], Value::from(ENTRY_COUNT));

    let file = path("cut.zst");
    let all = ["--universe", "7", "--block-size", "4096", "--out", file.to_str().unwrap()];
    for (flags, least) in [(&[][..], 700), (&["--resume"][..], 2100)] {
        let child = start(place.command("export", &[&all[..], flags].concat()));
        kill_at(child, &path("cut.zst.part.json"), "/entries", least);
        assert!(!file.exists());
    }
    // It is neither taken for a whole one nor begun anew by mistake.
    let again = export(&place, &file, &[]).failed(1);
    assert!(again.contains("hint: go on with `--resume`, or remove"), "{again}");
    let other = export(&place, &file, &["--resume", "--store", "s1"]).failed(2);
    assert!(other.contains("was of something else"), "{other}");
    place.run("import", &[path("cut.zst.part").to_str().unwrap()]).failed(5);

    let resumed = exported(&export(&place, &file, &["--resume", "--verify"]));
    assert_eq!(resumed["checksum"], whole["checksum"]);
    assert_eq!(lines_of(&file), lines_of(&path("whole.zst")));
    assert!(!path("cut.zst.part").exists() && !path("cut.zst.part.json").exists());
    // Nothing is left to go on with.
    export(&place, &file, &["--resume"]).failed(1);
}

#[test]
fn an_export_of_a_server_that_was_killed_within_a_block_goes_on_to_the_same_file() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let (running, place) = server(&path("data"));
    seed(&place, &lines());
    let whole = exported(&export(&place, &path("whole.zst"), &[]));
    let file = path("cut.zst");
    let size = whole["size"].as_u64().unwrap();
    // The system kills a program that writes beyond its limit, wherever it is. The limit is in units
    // of 512 or of 1024 bytes, which the shell decides.
    for percent in [30, 60, 90] {
        let line = format!("ulimit -f {}; exec \"$@\"", size * percent / 100 / 1024);
        let mut command = Command::new("sh");
        command.args(["-c", &line, "sh", PROGRAM, "export", "--server", &running.url]);
        command.args(["--universe", "7", "--block-size", "4096", "--resume", "--out"]);
        without_variables(&mut command);
        command.arg(&file).env("STEADFAST_API_KEY", ADMIN_KEY);
        let status = start(command).wait().unwrap();
        assert!(!status.success() && !file.exists(), "{status}");
        assert!(number_in(&path("cut.zst.part.json"), "/entries") > Some(0));
    }
    let resumed = exported(&export(&place, &file, &["--resume"]));
    assert_eq!(resumed["checksum"], whole["checksum"]);
    assert_eq!(lines_of(&file), lines_of(&path("whole.zst")));
    assert_eq!(running.stop("TERM").0, Some(0));
}

#[test]
fn what_an_export_left_behind_is_checked_before_it_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let place = empty_directory(&path("data"));
    seed(&place, &lines());
    let file = path("cut.zst");
    let all = ["--universe", "7", "--block-size", "4096", "--out", file.to_str().unwrap()];
    kill_at(start(place.command("export", &all)), &path("cut.zst.part.json"), "/entries", 500);
    let part = path("cut.zst.part");
    let whole = fs::read(&part).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 4] ^= 1;
    fs::write(&part, &flipped).unwrap();
    let refused = export(&place, &file, &["--resume"]).failed(5);
    assert!(refused.contains("before the interruption cannot be read any more"), "{refused}");
    fs::write(&part, &whole[..whole.len() / 4]).unwrap();
    export(&place, &file, &["--resume"]).failed(5);
    fs::write(&part, &whole).unwrap();
    let state = fs::read_to_string(path("cut.zst.part.json")).unwrap();
    fs::write(path("cut.zst.part.json"), state.replace("sha256:", "sha256:0")).unwrap();
    let refused = export(&place, &file, &["--resume"]).failed(5);
    assert!(refused.contains("it is not what was written before the interruption"), "{refused}");
    fs::write(path("cut.zst.part.json"), "{").unwrap();
    let refused = export(&place, &file, &["--resume"]).failed(2);
    assert!(refused.contains("to begin anew"), "{refused}");
    // Killed before the first block was whole, it begins anew.
    fs::remove_file(path("cut.zst.part.json")).unwrap();
    assert_eq!(
        exported(&export(&place, &file, &["--resume"]))["entries"],
        Value::from(ENTRY_COUNT)
    );
}

/// Imports, is killed at a moment, and goes on.
fn check_import(source: &Place, target: &Place, home: &Path) {
    let file = home.join("all.zst");
    let whole = exported(&export(source, &file, &[]));
    let arguments = [file.to_str().unwrap()];
    let state = home.join("all.zst.import");
    kill_at(start(target.command("import", &arguments)), &state, "/report/created", 1000);
    let other = target.run("import", &[arguments[0], "--resume", "--universe", "8"]).failed(2);
    assert!(other.contains("begins anew, which harms nothing"), "{other}");
    let resumed = target.run("import", &[arguments[0], "--resume", "--verify", "--format", "json"]);
    let resumed = exported(&resumed);
    assert_eq!((&resumed["verified"], &resumed["refused"]), (&whole["checksum"], &Value::from(0)));
    // Those that were under way when it was killed were there already.
    let count = |name: &str| resumed[name].as_u64().unwrap();
    assert_eq!(count("created") + count("unchanged"), ENTRY_COUNT);
    assert!(count("created") >= 1000);
    assert!(!state.exists());
    let copy = home.join("copy.zst");
    assert_eq!(exported(&export(target, &copy, &[]))["checksum"], whole["checksum"]);
}

#[test]
fn an_import_into_a_directory_that_was_killed_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let source = empty_directory(&home.path().join("source"));
    seed(&source, &lines());
    let target = empty_directory(&home.path().join("target"));
    check_import(&source, &target, home.path());
}

#[test]
fn an_import_into_a_server_that_was_killed_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let source = empty_directory(&home.path().join("source"));
    seed(&source, &lines());
    let (running, target) = server(&home.path().join("target"));
    check_import(&source, &target, home.path());
    assert_eq!(running.stop("TERM").0, Some(0));
}
