#include "cli/cli.h"

int cmd_version(struct cli *cli, struct err *err)
{
  UNUSED(err);
  if (cli->options.json)
    printf("{\"schema\":1,\"version\":\"%s\"}\n", BELAY_VERSION);
  else
    printf("belay %s (for PostgreSQL 13 to 18)\n", BELAY_VERSION);
  return 0;
}
