//! `init`: a new project, and a profile for Athena when somebody is there to answer.

mod questions;
mod starter;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use engine::context::YamlContext;
use project::{DbtProject, Profile, ProfileSettings, RenderYaml, SourceText, Verbatim};

use self::questions::Questions;
use super::Outcome;
use crate::{
    args::InitArgs, environment::Environment, session::profile_settings, settings::Settings, terminal::Stream,
};

/// Makes the project, or in a project only the profile.
pub fn run(
    args: &InitArgs,
    settings: &Settings,
    environment: &Environment,
    current_dir: &Path,
) -> anyhow::Result<Outcome> {
    let mut questions = Questions::of_process();
    let lookup = {
        let environment = environment.clone();
        std::sync::Arc::new(move |name: &str| environment.get(name).map(str::to_owned))
    };
    let world = World {
        current_dir,
        profiles: profile_settings(settings, environment, settings.project_dir.as_deref()),
        profiles_dir: match (&settings.profiles_dir, environment.get("HOME")) {
            (Some(dir), _) => dir.clone(),
            (None, Some(home)) => Path::new(home).join(".dbt"),
            (None, None) => current_dir.to_path_buf(),
        },
        profile: settings.profile.as_deref(),
        renderer: &YamlContext::for_profiles(lookup, settings.vars.clone()),
    };
    match &settings.project_dir {
        Some(project_dir) if args.project_name.is_none() => world.set_up_profile(project_dir, args, &mut questions),
        _ => world.new_project(args, &mut questions),
    }
}

/// What `init` knows of its surroundings.
struct World<'a> {
    current_dir: &'a Path,
    /// Where profiles.yml may be.
    profiles: ProfileSettings,
    /// Where a new profile is written.
    profiles_dir: PathBuf,
    /// `--profile`
    profile: Option<&'a str>,
    renderer: &'a dyn RenderYaml,
}

impl World<'_> {
    fn new_project(&self, args: &InitArgs, questions: &mut Questions) -> anyhow::Result<Outcome> {
        let name = match (&args.project_name, questions.can_ask()) {
            (Some(name), _) => {
                check_name(name)?;
                name.clone()
            }
            (None, true) => {
                questions.until_right("Enter a name for your project (letters, digits, underscore)", None, |name| {
                    check_name(name).map_err(|error| error.to_string())
                })?
            }
            (None, false) => bail!(
                "The project needs a name\n  cause: standard input is no terminal, so that nobody can be asked\n  fix:   owlet init NAME"
            ),
        };
        let folder = self.current_dir.join(&name);
        if folder.exists() {
            bail!(
                "A project called {name} already exists here.\n  cause: there is {}\n  fix:   choose another name, or run `owlet init` inside it to set up its profile",
                folder.display()
            );
        }
        if let Some(profile) = self.profile {
            self.check_profile(profile)?;
        }
        starter::write(&folder, &name, self.profile.unwrap_or(&name))?;
        self.choose_warehouse(&folder, &name, args, questions)?;
        say(&format!("Your new project \"{name}\" was created!\n\nBuild it:\n\n    cd {name}\n    owlet build\n"));
        Ok(Outcome::Success)
    }

    /// In a project: asks for the profile that its dbt_project.yml names.
    fn set_up_profile(
        &self,
        project_dir: &Path,
        args: &InitArgs,
        questions: &mut Questions,
    ) -> anyhow::Result<Outcome> {
        if self.profile.is_some() {
            bail!(
                "Can not init existing project with specified profile, edit dbt_project.yml instead\n  cause: the project in {} says itself which profile it uses\n  fix:   change `profile:` in dbt_project.yml, or run `owlet init NAME --profile …` for a new project",
                project_dir.display()
            );
        }
        if args.skip_profile_setup {
            say("Nothing to do: this is a project already, and its profile is not to be set up.");
            return Ok(Outcome::Success);
        }
        if !questions.can_ask() {
            bail!(
                "The profile needs answers\n  cause: standard input is no terminal, so that nobody can be asked\n  fix:   write a target into profiles.yml, or build without one on the embedded lakehouse"
            );
        }
        let (project, diagnostics) = DbtProject::load(project_dir, "", &Verbatim);
        let Some(project) = project else {
            bail!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        };
        let profile = project.profile.unwrap_or(project.name);
        self.write_athena_profile(&profile, questions)?;
        Ok(Outcome::Success)
    }

    /// Where a new project is built: without answers, on the embedded lakehouse.
    fn choose_warehouse(
        &self,
        folder: &Path,
        name: &str,
        args: &InitArgs,
        questions: &mut Questions,
    ) -> anyhow::Result<()> {
        if self.profile.is_some() {
            return Ok(());
        }
        if questions.can_ask() && !args.skip_profile_setup {
            let choices = ["the embedded lakehouse, here (needs nothing)", "Amazon Athena"];
            if questions.choice("Where do you build it?", &choices)? == 1 {
                return self.write_athena_profile(name, questions);
            }
        }
        let elsewhere =
            self.profiles.directories.iter().map(|dir| dir.join("profiles.yml")).find(|path| path.is_file());
        if let Some(elsewhere) = elsewhere
            && !has_profile(&elsewhere, name)
        {
            // A profiles.yml that lacks this profile would be the one that counts.
            let path = folder.join("profiles.yml");
            fs_err::write(&path, starter::embedded_profile(name))?;
            say(&format!("Wrote {}: {} has no profile '{name}'.", path.display(), elsewhere.display()));
        }
        Ok(())
    }

    fn check_profile(&self, name: &str) -> anyhow::Result<()> {
        let known = self.profiles.directories.iter().map(|dir| dir.join("profiles.yml")).find(|path| path.is_file());
        let Some(path) = known else {
            bail!(
                "Could not find profile named '{name}'\n  cause: there is no profiles.yml in {}\n  fix:   leave --profile out; the project then builds on the embedded lakehouse",
                self.profiles.directories.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
            );
        };
        let text = fs_err::read_to_string(&path)?;
        let source = SourceText::new(path.display().to_string(), text);
        let settings = ProfileSettings { profile: Some(name.to_owned()), ..self.profiles.clone() };
        Profile::parse(source, name, &settings, self.renderer).map(drop).map_err(|diagnostics| {
            anyhow::anyhow!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })
    }

    fn write_athena_profile(&self, name: &str, questions: &mut Questions) -> anyhow::Result<()> {
        let path = self.profiles_dir.join("profiles.yml");
        let old = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).context("reading the profiles"),
        };
        if starter::has_profile(&old, name)
            && !questions
                .yes(&format!("The profile {name} already exists in {}. Continue and overwrite it?", path.display()))?
        {
            return Ok(());
        }
        let profile = questions.athena_target(name)?;
        fs_err::create_dir_all(&self.profiles_dir)?;
        fs_err::write(&path, starter::with_profile(&old, name, &profile))?;
        say(&format!("Profile {name} written to {}. Check it with `owlet debug`.", path.display()));
        Ok(())
    }
}

fn has_profile(path: &Path, name: &str) -> bool {
    fs_err::read_to_string(path).is_ok_and(|text| starter::has_profile(&text, name))
}

/// dbt's rule, and no name that a built-in package has.
fn check_name(name: &str) -> anyhow::Result<()> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_well = name.chars().next().is_some_and(|c| word(c) && !c.is_numeric());
    let is_built_in = matches!(name, "dbt" | "dbt_athena");
    if starts_well && name.chars().all(word) && !is_built_in {
        return Ok(());
    }
    let cause = if is_built_in {
        "a built-in package has this name"
    } else {
        "a name has letters, digits and underscores, and does not begin with a digit"
    };
    bail!("{name} is not a valid project name.\n  cause: {cause}\n  fix:   choose another one, such as my_shop")
}

fn say(text: &str) {
    Stream::Stderr.write_line(text);
}
