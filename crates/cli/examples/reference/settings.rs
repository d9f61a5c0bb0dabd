//! `docs/reference/settings.md`: every setting of the library.

use std::fmt::Write as _;

use steadfast::SETTINGS;

const HEAD: &str = "\
# Settings

Settings of sessions, operations and players under the names that games know them by: `Options::set(name, value)` in the
library, the table `[settings]` of [a configuration file](../operating/config.md). Times are numbers of seconds, or text
such as `250ms`, `30s`, `5m`, `1h`, `1d`; sizes are numbers of bytes, or text such as `64KiB`, `4MiB`. The smallest and the
largest are taken. Everything is checked together, and everything that is wrong is in one message. This page is made from
`steadfast::SETTINGS`; the settings of indexes and worlds come with them.

| setting | default | takes | in `Options` | what it does |
|---|---|---|---|---|
";

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for setting in &SETTINGS {
        let (name, default) = (setting.name(), setting.default_value());
        let (accepts, place, note) = (setting.accepts(), setting.place(), setting.note());
        writeln!(page, "| {name} | {default} | {accepts} | `{place}` | {note} |")
            .expect("text grows");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_settings_is_the_table_of_settings() {
        crate::check("settings", include_str!("../../../../docs/reference/settings.md"), &page());
    }
}
