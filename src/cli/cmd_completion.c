/* belay completion: what a shell offers when Tab is pressed, made from the tables of commands and
 * options. */
#include "cli/cli.h"

/* What can stand in a place, by the word that help has for it: words in small letters are meant as
 * they are, FILE and DIR are names of such, of anything else nothing is known. */
struct offer {
  const char *words; /* separated by blanks; NULL: none */
  bool files, dirs;
};

static bool holds(const char *text, size_t len, const char *word)
{
  const char *found = strstr(text, word);
  return found && found < text + len;
}

static struct offer offer_of(struct arena *arena, const char *text, size_t len)
{
  CLEANUP(text_clear) struct text words = TEXT_INIT;
  struct offer offer = {.files = holds(text, len, "FILE"),
                        .dirs = holds(text, len, "DIR") || holds(text, len, "PLACE")};
  for (const char *p = text, *end = text + len; p < end;) {
    size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
    n = n < (size_t)(end - p) ? n : (size_t)(end - p);
    if (n > 1)
      text_printf(&words, "%s%.*s", words.len ? " " : "", (int)n, p);
    p += n ? n : 1;
  }
  offer.words = words.len ? arena_strdup(arena, words.data) : NULL;
  return offer;
}

static struct offer offer_of_value(struct arena *arena, const struct cli_option *option)
{
  return offer_of(arena, option->value, strlen(option->value));
}

/* The first argument: "verify ID|latest" has "latest". */
static struct offer offer_of_argument(struct arena *arena, const struct cli_command *command)
{
  const char *argument = command->usage + strlen(command->name);
  argument += *argument == ' ';
  if (argument[0] == '-' || strncmp(argument, "[-", 2) == 0)
    return (struct offer){NULL, false, false};
  return offer_of(arena, argument, strcspn(argument, " "));
}

static const char *all_commands(struct arena *arena)
{
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  for (const struct cli_command *c = cli_commands; c->name; c++)
    text_printf(&names, "%s%s", names.len ? " " : "", c->name);
  return arena_strdup(arena, names.data);
}

/* " --name" of each own option, or of the global ones (NULL). */
static void put_names(struct text *out, const struct cli_command *command)
{
  struct cli_option o;
  for (size_t at = 0; cli_option_next(command, &at, &o);)
    text_printf(out, " --%s", o.name);
}

/* The commands that are followed by one of the user's. */
static void put_wrappers(struct text *out, const char *between)
{
  size_t begin = out->len;
  for (const struct cli_command *c = cli_commands; c->name; c++)
    if (c->takes_command)
      text_printf(out, "%s%s", out->len > begin ? between : "", c->name);
}

/* ---- bash ---- */

static void put_bash_offer(struct text *out, const struct offer *offer)
{
  if (offer->words)
    text_printf(out, "words='%s' ", offer->words);
  text_printf(out, "kind=%s ;;\n", offer->files ? "file" : offer->dirs ? "directory" : "");
}

static void put_bash_values(struct text *out, struct arena *arena,
                            const struct cli_command *command)
{
  struct cli_option o;
  for (size_t at = 0; cli_option_next(command, &at, &o);) {
    if (!o.value)
      continue;
    const struct offer offer = offer_of_value(arena, &o);
    text_printf(out, "  %s,--%s", command ? command->name : "*", o.name);
    if (o.letter)
      text_printf(out, " | %s,-%c", command ? command->name : "*", o.letter);
    text_puts(out, ") value=1 ");
    put_bash_offer(out, &offer);
  }
}

static void put_bash(struct text *out, struct arena *arena)
{
  text_puts(out,
            "# bash completion of belay: source <(belay completion bash)\n"
            "_belay() {\n"
            "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
            "  local command=${COMP_WORDS[1]} words='' kind='' options='' value='' i\n"
            "  COMPREPLY=()\n");
  text_printf(
      out,
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '%s help --help --version' -- \"$current\")\n"
      "    return\n"
      "  fi\n",
      all_commands(arena));
  text_puts(out, "  case $command in\n  ");
  put_wrappers(out, " | ");
  text_puts(out, ")\n"
                 "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                 "      [[ ${COMP_WORDS[i]} == -- ]] || continue\n"
                 "      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1))\n"
                 "      elif ((COMP_CWORD == i + 1)); then mapfile -t COMPREPLY < <(compgen -c -- "
                 "\"$current\")\n"
                 "      else compopt -o filenames 2>/dev/null || true; mapfile -t COMPREPLY < "
                 "<(compgen -f -- \"$current\"); fi\n"
                 "      return\n"
                 "    done ;;\n"
                 "  esac\n"
                 "  # --option=value comes as three words\n"
                 "  if [[ $current == = ]]; then current=''\n"
                 "  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
                 "  case $command,$previous in\n");
  for (const struct cli_command *c = cli_commands; c->name; c++)
    put_bash_values(out, arena, c);
  put_bash_values(out, arena, NULL);
  text_puts(out, "  esac\n"
                 "  [[ $value ]] || case $command in\n");
  for (const struct cli_command *c = cli_commands; c->name; c++) {
    const struct offer offer = offer_of_argument(arena, c);
    text_printf(out, "  %s) options='", c->name);
    put_names(out, c);
    text_puts(out, "' ");
    put_bash_offer(out, &offer);
  }
  text_printf(out, "  help) words='%s' ;;\n  *) return ;;\n  esac\n", all_commands(arena));
  text_puts(out,
            "  if [[ ! $value && $command != help && ($current == -* || ! $words$kind) ]]; then\n"
            "    words=\"$options");
  put_names(out, NULL);
  text_puts(
      out,
      "\" kind=''\n"
      "  fi\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" ${kind:+-A \"$kind\"} -- \"$current\")\n"
      "  [[ ! $kind ]] || compopt -o filenames 2>/dev/null || true\n"
      "}\n"
      "complete -F _belay belay\n");
}

/* ---- zsh ---- */

/* In single quotes; a colon and brackets would end what they stand in. */
static void put_zsh_text(struct text *out, const char *s)
{
  for (; *s; s++) {
    if (*s == '\'')
      text_puts(out, "'\\''");
    else if (strchr(":[]\\", *s))
      text_printf(out, "\\%c", *s);
    else
      text_putc(out, *s);
  }
}

static void put_zsh_action(struct text *out, const struct offer *offer)
{
  if (offer->files)
    text_puts(out, "_files");
  else if (offer->dirs)
    text_puts(out, "_files -/");
  else if (offer->words)
    text_printf(out, "(%s)", offer->words);
  else
    text_putc(out, ' ');
}

static void put_zsh_option(struct text *out, struct arena *arena, const struct cli_option *o)
{
  if (o->repeats)
    text_puts(out, "      '*'");
  else if (o->letter)
    text_printf(out, "      '(-%c --%s)'", o->letter, o->name);
  else
    text_puts(out, "      ");
  if (o->letter)
    text_printf(out, "{-%c%s,--%s%s}", o->letter, o->value ? "+" : "", o->name,
                o->value ? "=" : "");
  else
    text_printf(out, "--%s%s", o->name, o->value ? "=" : "");
  text_puts(out, "'[");
  put_zsh_text(out, o->help);
  text_putc(out, ']');
  if (o->value) {
    const struct offer offer = offer_of_value(arena, o);
    text_putc(out, ':');
    put_zsh_text(out, offer.words ? o->name : o->value);
    text_putc(out, ':');
    put_zsh_action(out, &offer);
  }
  text_puts(out, "' \\\n");
}

static void put_zsh_command(struct text *out, struct arena *arena, const struct cli_command *c)
{
  struct cli_option o;
  const struct offer offer = offer_of_argument(arena, c);
  text_printf(out, "  %s)\n    _arguments -s -S \\\n", c->name);
  for (size_t at = 0; cli_option_next(c, &at, &o);)
    put_zsh_option(out, arena, &o);
  text_puts(out, "      $belay_options ");
  if (c->takes_command)
    text_puts(out, "'*::command:_normal'");
  else if (offer.words || offer.files || offer.dirs) {
    text_printf(out, "'%s:argument:", offer.files ? "*" : "1");
    put_zsh_action(out, &offer);
    text_putc(out, '\'');
  }
  text_puts(out, " ;;\n");
}

static void put_zsh(struct text *out, struct arena *arena)
{
  struct cli_option o;
  text_puts(out,
            "#compdef belay\n"
            "# zsh completion of belay: belay completion zsh >DIR/_belay, DIR being one of $fpath\n"
            "_belay() {\n"
            "  local -a belay_commands belay_options\n"
            "  belay_commands=(\n");
  for (const struct cli_command *c = cli_commands; c->name; c++) {
    text_printf(out, "    '%s:", c->name);
    put_zsh_text(out, c->summary);
    text_puts(out, "'\n");
  }
  text_puts(out, "    'help:help on a command'\n  )\n  belay_options=( \\\n");
  for (size_t at = 0; cli_option_next(NULL, &at, &o);)
    put_zsh_option(out, arena, &o);
  text_puts(out, "  )\n"
                 "  if ((CURRENT == 2)) || [[ $words[2] == help && CURRENT -eq 3 ]]; then\n"
                 "    _describe -t commands 'command' belay_commands\n"
                 "    return\n"
                 "  fi\n"
                 "  shift words\n"
                 "  ((CURRENT--))\n"
                 "  case $words[1] in\n");
  for (const struct cli_command *c = cli_commands; c->name; c++)
    put_zsh_command(out, arena, c);
  text_puts(
      out, "  esac\n"
           "}\n"
           "if [[ $funcstack[1] == _belay ]]; then _belay \"$@\"; else compdef _belay belay; fi\n");
}

/* ---- fish ---- */

static void put_fish_text(struct text *out, const char *s)
{
  text_putc(out, '\'');
  for (; *s; s++)
    text_printf(out, "%s%c", strchr("'\\", *s) ? "\\" : "", *s);
  text_putc(out, '\'');
}

static void put_fish_offer(struct text *out, const struct offer *offer, bool is_value)
{
  if (offer->files)
    text_puts(out, is_value ? " -r -F" : " -F");
  else if (offer->dirs)
    text_printf(out, "%s -a '(__fish_complete_directories)'", is_value ? " -x" : "");
  else if (is_value)
    text_puts(out, " -x");
  if (offer->words)
    text_printf(out, " -a '%s'", offer->words);
}

static void put_fish_options(struct text *out, struct arena *arena,
                             const struct cli_command *command)
{
  struct cli_option o;
  for (size_t at = 0; cli_option_next(command, &at, &o);) {
    text_puts(out, "complete -c belay -n '");
    if (command)
      text_printf(out, "__fish_seen_subcommand_from %s' -l %s", command->name, o.name);
    else
      text_printf(out, "not __fish_use_subcommand' -l %s", o.name);
    if (o.letter)
      text_printf(out, " -s %c", o.letter);
    if (o.value) {
      const struct offer offer = offer_of_value(arena, &o);
      put_fish_offer(out, &offer, true);
    }
    text_puts(out, " -d ");
    put_fish_text(out, o.help);
    text_putc(out, '\n');
  }
}

static void put_fish(struct text *out, struct arena *arena)
{
  text_puts(out, "# fish completion of belay: belay completion fish | source\n"
                 "complete -c belay -f\n");
  for (const struct cli_command *c = cli_commands; c->name; c++) {
    const struct offer offer = offer_of_argument(arena, c);
    text_printf(out, "complete -c belay -n __fish_use_subcommand -a %s -d ", c->name);
    put_fish_text(out, c->summary);
    text_putc(out, '\n');
    if (offer.words || offer.files || offer.dirs) {
      text_printf(out, "complete -c belay -n '__fish_seen_subcommand_from %s'", c->name);
      put_fish_offer(out, &offer, false);
      text_putc(out, '\n');
    }
    put_fish_options(out, arena, c);
  }
  text_puts(out, "complete -c belay -n '__fish_seen_subcommand_from ");
  put_wrappers(out, " ");
  text_printf(out,
              "; and contains -- -- (commandline -opc)' -F\n"
              "complete -c belay -n __fish_use_subcommand -a help -d 'help on a command'\n"
              "complete -c belay -n '__fish_seen_subcommand_from help' -a '%s'\n",
              all_commands(arena));
  put_fish_options(out, arena, NULL);
}

int cmd_completion(struct cli *cli, struct err *err)
{
  static const struct {
    const char *name;
    void (*put)(struct text *out, struct arena *arena);
  } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(shells); i++)
    if (strcmp(cli->args[0], shells[i].name) == 0) {
      shells[i].put(&out, cli->arena);
      cli_print(&out);
      return 0;
    }
  err_set(err, ERR_USAGE, "there is no completion for \"%s\"", cli->args[0]);
  return err_hint(err, "Say bash, zsh or fish.");
}
