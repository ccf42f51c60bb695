//! What commands that ask the running switch have in common: the key, the form of the answer, a table.

use serde_json::Value;

use super::api::Api;
use super::{ConfigArgs, out};
use crate::config::Config;
use crate::model::Face;

/// Whom to ask.
#[derive(clap::Args)]
pub struct Whom {
    /// The key to ask with: the id of one that the configuration declares, or what `trunkline key create` printed. Without it
    /// the configuration's first, Nixflex's before others'.
    #[arg(long, value_name = "KEY", env = "TRUNKLINE_API_KEY", hide_env_values = true)]
    key: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Whom to ask, and how to show it.
#[derive(clap::Args)]
pub struct Asking {
    /// The API's JSON instead of lines.
    #[arg(long)]
    pub json: bool,
    /// Of them all.
    #[command(flatten)]
    pub whom: Whom,
}

impl Whom {
    /// The configuration that the switch has, too.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(self.config.load()?)
    }

    /// The running switch.
    pub fn api(&self) -> anyhow::Result<Api> {
        self.api_of(&self.config()?)
    }

    /// The running switch of this configuration.
    pub fn api_of(&self, config: &Config) -> anyhow::Result<Api> {
        Api::new(config, self.key.as_deref(), None)
    }
}

impl Asking {
    /// The running switch.
    pub fn api(&self) -> anyhow::Result<Api> {
        self.whom.api()
    }

    /// The same, where it answers Nixflex's clients alone.
    pub fn nixflex(&self) -> anyhow::Result<Api> {
        Api::new(&self.whom.config.load()?, self.whom.key.as_deref(), Some(Face::Nixflex))
    }
}

impl Asking {
    /// Prints a page of a list, and how to ask for the next one.
    pub fn print_page<const N: usize>(
        &self,
        columns: &[(&str, &str); N],
        page: &Value,
    ) -> std::io::Result<()> {
        if self.json {
            return out::line(format_args!("{page:#}"));
        }
        out::print(table(columns, &page["data"]))?;
        if let Some(next) = page["next_cursor"].as_str() {
            out::note(format_args!("More: --after {next}"));
        }
        Ok(())
    }
}

/// A value in one cell.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}

/// A list as a table: a column is its title and the JSON pointer of its field.
pub fn table<const N: usize>(columns: &[(&str, &str); N], list: &Value) -> String {
    let mut rows: Vec<[String; N]> = vec![columns.map(|(title, _)| title.to_owned())];
    for item in list.as_array().into_iter().flatten() {
        rows.push(columns.map(|(_, pointer)| shown(item.pointer(pointer).unwrap_or(&Value::Null))));
    }
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// An object's fields, one a line; those of objects in it after a dot.
pub fn lines(object: &Value) -> String {
    let mut out = String::new();
    write_lines(&mut out, "", object);
    out
}

fn write_lines(out: &mut String, before: &str, object: &Value) {
    for (name, value) in object.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => write_lines(out, &format!("{before}{name}."), value),
            value => out.push_str(&format!("{:23} {}\n", format!("{before}{name}"), shown(value))),
        }
    }
}

/// Parameters of a path: those that are there, escaped.
pub fn query(parameters: &[(&str, Option<String>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_align_and_lines_open_what_is_inside() {
        let list = json!([{ "id": 7, "sip": { "status": 486 } }, { "id": 12345, "sip": null }]);
        assert_eq!(
            table(&[("ID", "/id"), ("SIP", "/sip/status")], &list),
            "ID     SIP\n7      486\n12345  -\n"
        );
        assert_eq!(lines(&json!({ "sip": { "status": 486 } })), "sip.status              486\n");
        assert_eq!(lines(&json!({ "callee_window_end_minutes": 1_080 })), "callee_window_end_minutes 1080\n");
        assert_eq!(query(&[("a", Some("+1 2".into())), ("b", None)]), "a=%2B1+2");
    }
}
