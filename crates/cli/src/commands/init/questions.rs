//! Questions in the terminal.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};

/// Asks on standard error and reads answers from standard input.
pub struct Questions {
    answers: Box<dyn BufRead>,
    asks: Box<dyn Write>,
    can_ask: bool,
}

impl Questions {
    /// The process's own streams.
    pub fn of_process() -> Self {
        Self {
            answers: Box::new(std::io::BufReader::new(std::io::stdin())),
            asks: Box::new(std::io::stderr()),
            can_ask: std::io::stdin().is_terminal(),
        }
    }

    /// Whether anybody is there.
    pub fn can_ask(&self) -> bool {
        self.can_ask
    }

    /// Asks until the answer is right. An empty answer is the default.
    pub fn until_right(
        &mut self,
        question: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> anyhow::Result<String> {
        loop {
            let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
            write!(self.asks, "{question}{shown}: ").and_then(|()| self.asks.flush()).context("asking")?;
            let mut line = String::new();
            if self.answers.read_line(&mut line).context("reading the answer")? == 0 {
                bail!("No answer to '{question}'\n  cause: standard input ended\n  fix:   run it again");
            }
            let answer = match (line.trim(), default) {
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            match check(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(why) => writeln!(self.asks, "{why}").context("asking")?,
            }
        }
    }

    /// The index of the chosen one; the first is the default.
    pub fn choice(&mut self, question: &str, choices: &[&str]) -> anyhow::Result<usize> {
        writeln!(self.asks, "{question}").context("asking")?;
        for (at, choice) in choices.iter().enumerate() {
            writeln!(self.asks, "[{}] {choice}", at + 1).context("asking")?;
        }
        let number = |answer: &str| answer.parse::<usize>().ok().filter(|number| (1..=choices.len()).contains(number));
        let check = |answer: &str| {
            number(answer).map(drop).ok_or_else(|| format!("Enter a number from 1 to {}.", choices.len()))
        };
        let answer = self.until_right("Enter a number", Some("1"), check)?;
        Ok(number(&answer).unwrap_or(1) - 1)
    }

    /// No is the default.
    pub fn yes(&mut self, question: &str) -> anyhow::Result<bool> {
        let check = |answer: &str| match answer.to_lowercase().as_str() {
            "y" | "yes" | "n" | "no" | "" => Ok(()),
            _ => Err("Enter y or n.".to_owned()),
        };
        let answer = self.until_right(&format!("{question} [y/N]"), None, check)?;
        Ok(answer.to_lowercase().starts_with('y'))
    }

    /// The text of a profile with one target, `dev`.
    pub fn athena_target(&mut self, profile: &str) -> anyhow::Result<String> {
        let some = |answer: &str| if answer.is_empty() { Err("This is needed.".to_owned()) } else { Ok(()) };
        let any = |_: &str| Ok(());
        let bucket = |answer: &str| {
            if answer.starts_with("s3://") && answer.len() > 5 {
                Ok(())
            } else {
                Err("Enter an address such as s3://my-bucket/athena/".to_owned())
            }
        };
        let optional_bucket = |answer: &str| if answer.is_empty() { Ok(()) } else { bucket(answer) };
        let number = |answer: &str| match answer.parse::<u16>() {
            Ok(count) if count > 0 => Ok(()),
            _ => Err("Enter a number above 0.".to_owned()),
        };
        let mut lines = vec![
            format!("{profile}:"),
            "  target: dev".to_owned(),
            "  outputs:".to_owned(),
            "    dev:".to_owned(),
            "      type: athena".to_owned(),
        ];
        let mut add = |key: &str, answer: String| {
            if !answer.is_empty() {
                lines.push(format!("      {key}: {}", scalar(&answer)));
            }
        };
        add("s3_staging_dir", self.until_right("s3_staging_dir (where Athena puts results, s3://…)", None, bucket)?);
        add(
            "s3_data_dir",
            self.until_right("s3_data_dir (where tables are put, empty: below s3_staging_dir)", None, optional_bucket)?,
        );
        add("region_name", self.until_right("region_name (AWS region)", Some("us-east-1"), some)?);
        add("schema", self.until_right("schema (the Glue database to build in)", None, some)?);
        add("database", self.until_right("database (the data catalog)", Some("awsdatacatalog"), some)?);
        add("work_group", self.until_right("work_group (empty: primary)", None, any)?);
        add(
            "aws_profile_name",
            self.until_right("aws_profile_name (of ~/.aws, empty: the default credentials)", None, any)?,
        );
        add("threads", self.until_right("threads (how many models are built at once)", Some("4"), number)?);
        Ok(lines.join("\n") + "\n")
    }
}

/// The answer as YAML: in quotes where it would not be read as its text.
fn scalar(answer: &str) -> String {
    let is_plain = answer.parse::<u16>().is_ok()
        || project::yaml::parse(&format!("a: {answer}"))
            .ok()
            .and_then(|(node, _)| node.value.as_map()?.get("a")?.value.as_str().map(|text| text == answer))
            .unwrap_or(false);
    if is_plain { answer.to_owned() } else { format!("'{}'", answer.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(answers: &str) -> Questions {
        Questions {
            answers: Box::new(std::io::Cursor::new(answers.to_owned())),
            asks: Box::new(std::io::sink()),
            can_ask: true,
        }
    }

    #[test]
    fn answers_become_a_target() {
        let mut questions = answering("my-bucket\ns3://b/results/\n\n\ndev_ada\n\nreports: all\n\nmany\n8\n");
        assert_eq!(
            questions.athena_target("shop").expect("a target"),
            "shop:\n  target: dev\n  outputs:\n    dev:\n      type: athena\n      s3_staging_dir: s3://b/results/\n      region_name: us-east-1\n      schema: dev_ada\n      database: awsdatacatalog\n      work_group: 'reports: all'\n      threads: 8\n"
        );
    }

    #[test]
    fn the_first_choice_is_the_default_and_the_end_of_input_an_error() {
        assert_eq!(answering("\n").choice("?", &["a", "b"]).expect("a choice"), 0);
        assert_eq!(answering("3\n2\n").choice("?", &["a", "b"]).expect("a choice"), 1);
        assert!(!answering("\n").yes("?").expect("an answer"));
        assert!(answering("").yes("?").is_err());
    }
}
