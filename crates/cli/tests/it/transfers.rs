//! `export`, `import` and `seed`: files of entries, whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::both::{check_both, empty_directory, seed, server};
use crate::program::{Place, Run};
use crate::shown::filtered;

const SEEDS: &str = r#"
{"store":"players","key":"u_1","value":{"coins" : 5},"users":[7,"steam:1"],"attributes":{"vip":true}}
{"store":"players","scope":"season","key":"u_1","value":null}
{"store":"pets","key":"p\u20ac","text":"{\n  \"name\": \"cat\"\n}"}
{"kind":"ordered","store":"coins","key":"u_1","value":-5}
"#;

/// A directory for files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn data(&self, name: &str) -> Place {
        empty_directory(&self.0.path().join(name))
    }
}

/// Exports universe 7 with its board.
fn export(place: &Place, file: &str, arguments: &[&str]) -> Run {
    let all = ["--universe", "7", "--board", "coins", "--out", file];
    place.run("export", &[&all[..], arguments].concat())
}

fn import(place: &Place, file: &str, arguments: &[&str]) -> Run {
    place.run("import", &[&[file][..], arguments].concat())
}

fn lines_of(file: &str) -> Vec<String> {
    let text = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// Writes lines as a file of entries, with whatever checksum they have.
fn write_lines(file: &str, lines: &[String]) {
    let text = lines.join("\n") + "\n";
    fs::write(file, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
}

/// What is shown, without directories, checksums and sizes of files.
fn shown(text: &str, files: &Files) -> String {
    let text = text.replace(files.0.path().to_str().unwrap(), "HOME");
    let masked = text.split("sha256:").enumerate().map(|(index, part)| match index {
        0 => part.to_owned(),
        _ => format!("[SUM]{}", part.get(64..).unwrap_or_default()),
    });
    let text: Vec<_> = masked.collect::<String>().lines().map(str::to_owned).collect();
    let kept = text.iter().filter(|line| !line.starts_with("size "));
    filtered(&kept.cloned().collect::<Vec<_>>().join("\n"), &[])
}

#[test]
fn an_export_has_every_entry_and_an_import_writes_the_same() {
    check_both(|place| {
        let files = Files::new();
        seed(place, SEEDS);
        // What is deleted is not in it.
        let gone = ["--universe", "7", "--store", "players", "gone"];
        place.run("entry set", &[&gone[..], &["1"]].concat()).ok();
        place.run("entry remove", &[&gone[..], &["--yes"]].concat()).ok();
        let file = files.path("all.zst");
        let exported = export(place, &file, &["--verify"]).ok();
        assert_snapshot!(shown(&exported, &files), @r"
        file  HOME/all.zst
        universe  7
        entries  3
        ordered entries  1
        checksum  [SUM]
        ");
        let lines = lines_of(&file);
        assert_snapshot!(lines[1..5].join("\n"), @r#"
        {"kind":"standard","store":"pets","scope":"global","key":"p€","text":"{\n  \"name\": \"cat\"\n}"}
        {"kind":"standard","store":"players","scope":"global","key":"u_1","value":{"coins" : 5},"users":[7,"steam:1"],"attributes":{"vip":true}}
        {"kind":"standard","store":"players","scope":"season","key":"u_1","value":null}
        {"kind":"ordered","store":"coins","scope":"global","key":"u_1","value":-5}
        "#);
        assert_eq!(lines.len(), 6);
        assert!(
            lines[0].starts_with(r#"{"steadfast":"export","format":1,"universe":"7","source":""#)
        );
        assert!(lines[5].starts_with(
            r#"{"steadfast":"end","entries":3,"orderedEntries":1,"checksum":"sha256:"#
        ));
        assert!(!Path::new(&format!("{file}.part")).exists());
        assert!(!Path::new(&format!("{file}.part.json")).exists());

        let other = files.data("other");
        let imported = import(&other, &file, &["--verify", "--format", "json"]).ok();
        assert_snapshot!(shown(&imported, &files).trim(), @r#"{"file":"HOME/all.zst","universe":"7","created":4,"unchanged":0,"replaced":0,"refused":0,"firstRefused":[],"checksum":"[SUM]","verified":"[SUM]","dryRun":false}"#);
        let imported: serde_json::Value = serde_json::from_str(&imported).unwrap();
        assert_eq!(imported["checksum"], imported["verified"]);
        let details =
            ["--universe", "7", "--store", "players", "u_1", "--details", "--format", "json"];
        let details = other.run("entry get", &details).ok();
        assert!(
            details.contains(r#""users":["7","steam:1"],"attributes":{"vip":true}"#),
            "{details}"
        );
        let text =
            other.run("entry get", &["--universe", "7", "--store", "pets", "p\u{20ac}"]).ok();
        assert_eq!(text, "{\n  \"name\": \"cat\"\n}\n");
        // The copy exports to the same entries and the same checksum.
        let copy = files.path("copy.zst");
        export(&other, &copy, &[]).ok();
        assert_eq!(lines_of(&copy)[1..], lines[1..]);
        // And so does what a server was given.
        let copy = files.path("again.zst");
        let again = import(place, &file, &["--universe", "8", "--verify"]).ok();
        assert!(shown(&again, &files).contains("created  4"), "{again}");
        let all = ["--universe", "8", "--board", "coins/global", "--out", &copy];
        place.run("export", &all).ok();
        assert_eq!(lines_of(&copy)[1..], lines[1..]);
    });
}

#[test]
fn an_export_is_of_what_was_asked_for_and_replaces_no_file() {
    let files = Files::new();
    let place = files.data("data");
    seed(&place, SEEDS);
    let of = |arguments: &[&str], name: &str| {
        let file = files.path(name);
        let all = ["--universe", "7", "--out", &file];
        let run = place.run("export", &[&all[..], arguments].concat());
        (run, file)
    };
    let (pets, file) = of(&["--store", "pets"], "pets.zst");
    assert_eq!((pets.code, lines_of(&file).len()), (Some(0), 3));
    assert_eq!(
        pets.stderr,
        "boards are exported when they are named with `--board STORE[/SCOPE]`\n"
    );
    let (again, _) = of(&["--store", "pets"], "pets.zst");
    let again = again.failed(1);
    assert!(again.contains("caused by: the file exists"), "{again}");
    let (boards, file) =
        of(&["--only-boards", "--board", "coins", "--board", "coins/none"], "b.zst");
    assert_eq!((boards.code, lines_of(&file).len()), (Some(0), 3));
    assert_eq!(of(&["--only-boards"], "none.zst").0.code, Some(2));
    of(&["--store", "nothing"], "nothing.zst").0.failed(1);
    let (empty, file) = of(&["--store", "pets"], "x/y.zst");
    assert!(empty.failed(3).contains("cannot write"), "{file}");
    // An empty universe is a file too.
    let file = files.path("empty.zst");
    place.run("export", &["--universe", "8", "--out", &file]);
    import(&place, &file, &[]).ok();
}

#[test]
fn entries_that_exist_with_another_value_are_left_alone_or_replaced() {
    check_both(|place| {
        let files = Files::new();
        seed(place, SEEDS);
        let file = files.path("all.zst");
        export(place, &file, &[]).ok();
        assert!(shown(&import(place, &file, &[]).ok(), &files).contains("unchanged  4"));
        let set = |value: &str| {
            let entry = ["--universe", "7", "--store", "players", "u_1", value];
            place.run("entry set", &entry).ok();
            place.run("ordered set", &["--universe", "7", "coins", "u_1", value]).ok();
        };
        let get = || {
            let entry = ["--universe", "7", "--store", "players", "u_1"];
            let entry = place.run("entry get", &entry).ok();
            let ordered = place.run("ordered get", &["--universe", "7", "coins", "u_1"]).ok();
            format!("{entry}{ordered}")
        };
        set("1");
        let plan = import(place, &file, &["--dry-run", "--overwrite"]).ok();
        assert_snapshot!(shown(&plan, &files), @r"
        file  HOME/all.zst
        universe  7
        created  0
        unchanged  2
        replaced  2
        left alone  0
        checksum  [SUM]
        read back  no
        written  no, it is a dry run
        ");
        assert_eq!(get(), "1\n1\n");
        let refused = import(place, &file, &["--verify"]);
        assert_eq!(refused.code, Some(1));
        assert!(shown(&refused.stdout, &files).contains("left alone  2"));
        assert_snapshot!(shown(&refused.stderr, &files), @r"
        error: cannot import `HOME/all.zst`
          caused by: 2 entries exist with another value: `7/players/global/u_1`, `7/coins/global/u_1`

        hint: they were left as they are; `--overwrite` replaces them
        ");
        assert_eq!(get(), "1\n1\n");
        assert_eq!(import(place, &file, &["--dry-run"]).code, Some(1));
        let replaced = import(place, &file, &["--overwrite", "--verify"]).ok();
        assert!(shown(&replaced, &files).contains("replaced  2"), "{replaced}");
        assert_eq!(get(), "{\"coins\" : 5}\n-5\n");
    });
}

#[test]
fn what_is_read_back_must_be_as_in_the_file() {
    let files = Files::new();
    let (file, other) = exported(&files);
    let imported = import(&other, &file, &["--verify", "--format", "json"]).ok();
    let imported: serde_json::Value = serde_json::from_str(&imported).unwrap();
    let entry = ["--universe", "7", "--store", "players"];
    other.run("entry set", &[&entry[..], &["u_1", "1"]].concat()).ok();
    other.run("entry remove", &[&entry[..], &["--scope", "season", "u_1", "--yes"]].concat()).ok();
    // An import that was interrupted after the last entry has nothing left to write.
    let report = r#"{"created":4,"unchanged":0,"replaced":0,"refused":0,"firstRefused":[]}"#;
    let target = fs::canonicalize(files.path("empty")).unwrap();
    let state = format!(
        r#"{{"checksum":{},"target":"directory {}","universe":"7","overwrite":false,"report":{report}}}"#,
        imported["checksum"],
        target.display()
    );
    fs::write(format!("{file}.import"), state).unwrap();
    let said = import(&other, &file, &["--resume", "--verify"]).failed(1);
    assert_snapshot!(shown(&said, &files), @r"
    error: cannot import `HOME/all.zst`
      caused by: entries that are not as in the file: 2

    hint: the first is `7/players/global/u_1`; did somebody write meanwhile?
    ");
}

/// A whole file, and a place that nothing was written to.
fn exported(files: &Files) -> (String, Place) {
    let place = files.data("data");
    seed(&place, SEEDS);
    let file = files.path("all.zst");
    export(&place, &file, &[]).ok();
    (file, files.data("empty"))
}

/// Expects that nothing of a file is written, and returns what is said.
#[track_caller]
fn check_refused(place: &Place, file: &str, code: i32) -> String {
    let refused = import(place, file, &[]).failed(code);
    let left = place.run("store list", &["--universe", "7", "--format", "json"]).ok();
    assert_eq!(left, "", "something was written");
    refused
}

#[test]
fn a_file_that_was_cut_anywhere_is_never_taken_for_a_whole_one() {
    let files = Files::new();
    let (file, empty) = exported(&files);
    let whole = fs::read(&file).unwrap();
    let cut = files.path("cut.zst");
    for size in (0..whole.len()).step_by(whole.len() / 9) {
        fs::write(&cut, &whole[..size]).unwrap();
        let code = import(&empty, &cut, &[]).code;
        assert!(matches!(code, Some(2 | 5)), "{size}: {code:?}");
    }
    fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    let said = check_refused(&empty, &cut, 5);
    assert!(said.contains("the file was cut"), "{said}");
    // Cut between two blocks, and between two lines.
    let lines = lines_of(&file);
    for count in 1..lines.len() {
        write_lines(&cut, &lines[..count]);
        let said = check_refused(&empty, &cut, 5);
        assert!(said.contains("its last line is missing: the file was cut"), "{said}");
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_refused() {
    let files = Files::new();
    let (file, empty) = exported(&files);
    let whole = fs::read(&file).unwrap();
    let flipped = files.path("flipped.zst");
    let content = zstd::decode_all(&*whole).unwrap();
    for index in (0..whole.len()).step_by(17).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[index] ^= 0x10;
        fs::write(&flipped, &bytes).unwrap();
        // A frame has bits that mean nothing. What they say is still what was exported.
        if zstd::decode_all(&*bytes).is_ok_and(|read| read == content) {
            continue;
        }
        let code = import(&empty, &flipped, &[]).code;
        assert!(matches!(code, Some(2 | 5)), "byte {index}: {code:?}");
    }
    check_refused(&empty, &flipped, 5);
}

#[test]
fn a_file_whose_lines_do_not_fit_its_last_line_is_refused() {
    let files = Files::new();
    let (file, empty) = exported(&files);
    let lines = lines_of(&file);
    let changed = files.path("changed.zst");
    let check = |lines: &[String], code: i32, cause: &str| {
        write_lines(&changed, lines);
        let said = check_refused(&empty, &changed, code);
        assert!(said.contains(cause), "{said}");
    };
    let mut one_less = lines.clone();
    one_less.remove(2);
    check(&one_less, 5, "it has 3 entries, and its last line says 4");
    let mut other = lines.clone();
    other[2] = other[2].replace(": 5", ": 6");
    check(&other, 5, "its entries have the checksum sha256:");
    let mut longer = lines.clone();
    longer.push(lines[1].clone());
    check(&longer, 5, "something follows its last line");
    let mut broken = lines.clone();
    broken[3] = broken[3].replace("\"key\"", "\"kee\"");
    check(&broken, 2, "line 4 is wrong");
    check(&lines[1..], 2, "it does not begin like a file of exported entries");
    let mut newer = lines.clone();
    newer[0] = newer[0].replace("\"format\":1", "\"format\":2");
    check(&newer, 2, "its format is 2, and this version knows 1");
    // What is no zstd at all, and what is not there.
    fs::write(&changed, lines.join("\n")).unwrap();
    let said = check_refused(&empty, &changed, 5);
    assert!(said.contains("it does not begin like a file of exported entries"), "{said}");
    let missing = import(&empty, &files.path("none.zst"), &[]).failed(2);
    assert!(missing.contains("No such file"), "{missing}");
}

#[test]
fn seeds_are_checked_as_a_whole_and_errors_name_the_line() {
    check_both(|place| {
        let files = Files::new();
        let file = files.path("seeds.ndjson");
        let run = |arguments: &[&str]| {
            place.run("seed", &[&["--universe", "7", &file][..], arguments].concat())
        };
        fs::write(
            &file,
            "# players\n\n{\"store\":\"s\",\"key\":\"k\",\"value\":1}\n{\"store\":\"s\"}\n",
        )
        .unwrap();
        assert_snapshot!(shown(&run(&[]).failed(2), &files), @r"
        error: cannot seed `HOME/seeds.ndjson`
          caused by: line 4 is wrong
          caused by: missing field `key` at line 1 column 13
        ");
        place.run("entry get", &["--universe", "7", "--store", "s", "k"]).failed(1);
        // The last one of a key counts.
        fs::write(&file, "{\"store\":\"s\",\"key\":\"k\",\"value\":1}\n{\"store\":\"s\",\"key\":\"k\",\"value\":2}").unwrap();
        assert!(run(&["--dry-run"]).ok().contains("created     2"));
        place.run("entry get", &["--universe", "7", "--store", "s", "k"]).failed(1);
        assert_snapshot!(filtered(&run(&[]).ok(), &[]), @r"
        created  1
        unchanged  0
        replaced  1
        left alone  0
        ");
        let value = place.run("entry get", &["--universe", "7", "--store", "s", "k"]).ok();
        assert_eq!(value, "2\n");
        fs::remove_file(&file).unwrap();
        run(&[]).failed(2);
    });
}

#[test]
fn large_values_go_through_a_file() {
    let files = Files::new();
    let (_server, place) = server(Path::new(&files.path("data")));
    // The largest value there is, and one that is not a line by itself.
    let text = "x".repeat(16 * 1024 * 1024 - 2);
    let broken = format!("[\n{}1]", "\n".repeat(1024 * 1024));
    let value = PathBuf::from(files.path("value"));
    for (key, json) in [("largest", format!("\"{text}\"")), ("broken", broken)] {
        fs::write(&value, json).unwrap();
        let entry = ["--universe", "7", "--store", "s", key, "--file", value.to_str().unwrap()];
        place.run("entry set", &entry).ok();
    }
    let file = files.path("all.zst");
    export(&place, &file, &["--verify"]).ok();
    let copy = files.data("copy");
    let imported = import(&copy, &file, &["--verify"]).ok();
    assert!(shown(&imported, &files).contains("read back  [SUM]"), "{imported}");
}
