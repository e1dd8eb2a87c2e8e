#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "base/log.h"
#include "db/target.h"

#include <unistd.h>

struct fixture {
  struct arena *arena;
  char *dir;
};

static void clean_environment(void)
{
  static const char *const names[] = {
      "BELAY_DATABASE_URL", "DATABASE_URL",  "DIRECT_URL", "DIRECT_DATABASE_URL", "PGHOST",
      "PGHOSTADDR",         "PGPORT",        "PGDATABASE", "PGPASSWORD",          "PGOPTIONS",
      "PGSERVICE",          "PGSERVICEFILE", "PGSSLMODE",  "PGSSLROOTCERT",       "OTHER"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    unsetenv(names[i]);
  setenv("PGUSER", "somebody", 1);
}

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct err err = ERR_INIT;
  f->arena = arena_new();
  clean_environment();
  assert_int_equal(fs_temp_dir(f->arena, "belay-target-", &f->dir, &err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  fs_remove_tree(f->dir, &err);
  err_clear(&err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static const char *write_file(struct fixture *f, const char *name, const char *content)
{
  struct err err = ERR_INIT;
  const char *path = fs_join(f->arena, f->dir, name);
  assert_int_equal(fs_write_atomic(path, content, strlen(content), 0600, &err), 0);
  return path;
}

static const struct good {
  const char *url, *conninfo, *shown, *schema, *database;
  bool pooled;
} goods[] = {
    {"postgresql://trader:s%20ec%27ret@localhost:5432/trading",
     "user='trader' password='s ec\\'ret' host='localhost' port='5432' dbname='trading'",
     "postgresql://trader@localhost:5432/trading", "public", "trading", false},
    {"  postgres://h\n", "host='h'", "postgresql://somebody@h:5432/somebody", "public", "somebody",
     false},
    {"postgresql:///d", "dbname='d'", "postgresql://somebody@/d?port=5432", "public", "d", false},
    {"postgresql://", "", "postgresql://somebody@/somebody?port=5432", "public", "somebody", false},
    {"postgresql://belay@/test?host=/tmp/s&port=5433",
     "user='belay' dbname='test' host='/tmp/s' port='5433'",
     "postgresql://belay@/test?host=/tmp/s&port=5433", "public", "test", false},
    {"postgresql://u@%2Ftmp%2Fs/test", "user='u' host='/tmp/s' dbname='test'",
     "postgresql://u@/test?host=/tmp/s&port=5432", "public", "test", false},
    {"postgresql://u@a:1,b,[::1]:3/d?target_session_attrs=read-write",
     "user='u' host='a,b,::1' port='1,,3' dbname='d' target_session_attrs='read-write'",
     "postgresql://u@a:1,b,[::1]:3/d", "public", "d", false},
    {"postgresql://u@[2001:db8::1]/d", "user='u' host='2001:db8::1' dbname='d'",
     "postgresql://u@[2001:db8::1]:5432/d", "public", "d", false},
    {"postgresql://u@h/d?schema=public",
     "user='u' host='h' dbname='d' options='-csearch_path=\"public\"'", "postgresql://u@h:5432/d",
     "public", "d", false},
    {"postgresql://u@h/d?schema=My%20%22odd%22%5Cschema&connection_limit=5&pool_timeout=2&"
     "socket_timeout=3&connect_timeout=4&statement_cache_size=0",
     "user='u' host='h' dbname='d' connect_timeout='4' "
     "options='-csearch_path=\"My\\\\ \"\"odd\"\"\\\\\\\\schema\"'",
     "postgresql://u@h:5432/d", "My \"odd\"\\schema", "d", false},
    {"postgresql://u@h/d?options=-c%20lock_timeout%3D1s&schema=a",
     "user='u' host='h' dbname='d' options='-c lock_timeout=1s -csearch_path=\"a\"'",
     "postgresql://u@h:5432/d", "a", "d", false},
    {"postgresql://u@h:6543/d?pgbouncer=true", "user='u' host='h' port='6543' dbname='d'",
     "postgresql://u@h:6543/d", "public", "d", true},
    {"postgresql://u@h/d?pgbouncer=false", "user='u' host='h' dbname='d'",
     "postgresql://u@h:5432/d", "public", "d", false},
    {"postgresql://u@ep-cool-1-pooler.eu.aws.neon.tech/d?sslmode=require",
     "user='u' host='ep-cool-1-pooler.eu.aws.neon.tech' dbname='d' sslmode='require'",
     "postgresql://u@ep-cool-1-pooler.eu.aws.neon.tech:5432/d", "public", "d", true},
    {"postgresql://u@aws-0.pooler.supabase.com:6543/d",
     "user='u' host='aws-0.pooler.supabase.com' port='6543' dbname='d'",
     "postgresql://u@aws-0.pooler.supabase.com:6543/d", "public", "d", true},
    {"postgresql://u@aws-0.pooler.supabase.com:5432/d", /* session mode */
     "user='u' host='aws-0.pooler.supabase.com' port='5432' dbname='d'",
     "postgresql://u@aws-0.pooler.supabase.com:5432/d", "public", "d", false},
    {"postgresql://u@h/d?sslmode=require&sslaccept=accept_invalid_certs",
     "user='u' host='h' dbname='d' sslmode='require'", "postgresql://u@h:5432/d", "public", "d",
     false},
    {"postgresql://u@h/d?sslmode=require&sslaccept=strict&sslrootcert=/ca.pem",
     "user='u' host='h' dbname='d' sslmode='verify-full' sslrootcert='/ca.pem'",
     "postgresql://u@h:5432/d", "public", "d", false},
    {"postgresql://u@h/d?sslmode=disable&sslaccept=strict",
     "user='u' host='h' dbname='d' sslmode='disable'", "postgresql://u@h:5432/d", "public", "d",
     false},
    {"postgresql://u@h/d?sslcert=/etc/hostname",
     "user='u' host='h' dbname='d' sslrootcert='/etc/hostname'", "postgresql://u@h:5432/d",
     "public", "d", false},
    {"postgresql://u@h/d?sslcert=c.pem&sslkey=k.pem&sslpassword=xyz",
     "user='u' host='h' dbname='d' sslcert='c.pem' sslkey='k.pem' sslpassword='xyz'",
     "postgresql://u@h:5432/d", "public", "d", false},
    {"postgresql://u@h/d?ssl=true", "user='u' host='h' dbname='d' sslmode='require'",
     "postgresql://u@h:5432/d", "public", "d", false},
    {"postgresql://u@h/first?dbname=second&application_name=x%26y",
     "user='u' host='h' dbname='second' application_name='x&y'", "postgresql://u@h:5432/second",
     "public", "second", false},
    {"host=h dbname = 'my db' user='o\\'neil' password=p\\ q",
     "host='h' dbname='my db' user='o\\'neil' password='p q'",
     "postgresql://o%27neil@h:5432/my%20db", "public", "my db", false},
};

static void test_good_urls(void **state)
{
  struct fixture *f = *state;
  for (size_t i = 0; i < COUNT_OF(goods); i++) {
    const struct good *g = &goods[i];
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    struct db_target t;
    if (db_target_parse(f->arena, g->url, "--database", &t, &err) < 0)
      fail_msg("%s: %s", g->url, err.message);
    assert_string_equal(t.conninfo, g->conninfo);
    assert_string_equal(t.shown, g->shown);
    assert_string_equal(t.schema, g->schema);
    assert_string_equal(t.database, g->database);
    assert_string_equal(t.source, "--database");
    assert_int_equal(t.pooled, g->pooled);
  }
}

static const struct bad {
  const char *url, *message; /* the message begins so */
} bads[] = {
    {"", "X is set but empty"},
    {"  \n", "X is set but empty"},
    {"prisma://accelerate.prisma-data.net/?api_key=abc", "X: a prisma:// URL leads to"},
    {"prisma+postgres://accelerate/?api_key=abc", "X: a prisma:// URL leads to"},
    {"mysql://u:sEcReT@h/d", "X: a URL of another kind: mysql://"},
    {"jdbc:postgresql://h/d", "X: a URL of another kind: jdbc:postgresql://"},
    {"\"postgresql://h/d\"", "X: the value starts with a quote"},
    {"trading", "X: neither a postgresql:// URL nor"},
    {"host=h password=sEcReT two", "X: neither a postgresql:// URL nor"},
    {"host='h", "X: the connection string holds a quote"},
    {"host=h schema=a", "X: unknown parameter \"schema\""},
    {"postgresql://u@h/d?shema=a", "X: unknown parameter \"shema\""},
    {"postgresql://u@h/d?schema=", "X: the parameter schema is empty"},
    {"postgresql://u@h/d?schema", "X: the URL holds a parameter that is not name=value"},
    {"postgresql://u@h/d?pgbouncer=maybe", "X: the parameter pgbouncer is neither"},
    {"postgresql://u@h/d?sslaccept=maybe", "X: the parameter sslaccept is neither"},
    {"postgresql://u@h/d?ssl=maybe", "X: the parameter ssl is known"},
    {"postgresql://u@h/d?sslidentity=a.p12&sslpassword=sEcReT", "X: the parameter sslidentity"},
    {"postgresql://u@h/d?sslpassword=sEcReT", "X: the parameter sslpassword"},
    {"postgresql://u@h/d?sslcert=no-such-ca.pem", "X: sslcert, the server's CA certificate: no-su"},
    {"postgresql://u:sEcReT%zz@h/d", "X: the URL holds a % that is not"},
    {"postgresql://u:sEcReT%00@h/d", "X: the URL holds a % that is not"},
    {"postgresql://u:sEcReT%4", "X: the URL holds a port that is not a number"},
    {"postgresql://u:a/sEcReT@h/d", "X: the URL holds a port that is not a number"},
    {"postgresql://u:1/sEcReT@h/d", "X: the URL holds an @ behind its first /"},
    {"postgresql://u:a@sEcReT@h/d", "X: the URL holds more than one @"},
    {"postgresql://u@[::1/d", "X: the URL holds an IPv6 address"},
    {"postgresql://u@h:123456/d", "X: the URL holds a port that is not a number"},
};

static void test_bad_urls(void **state)
{
  struct fixture *f = *state;
  for (size_t i = 0; i < COUNT_OF(bads); i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    struct db_target t = {.url = "untouched"};
    if (db_target_parse(f->arena, bads[i].url, "X", &t, &err) == 0)
      fail_msg("%s was taken", bads[i].url);
    assert_int_equal(err.code, ERR_USAGE);
    if (strncmp(err.message, bads[i].message, strlen(bads[i].message)) != 0)
      fail_msg("%s: %s", bads[i].url, err.message);
    assert_null(strstr(err.message, "sEcReT"));
    assert_true(!err.hint || !strstr(err.hint, "sEcReT"));
    assert_string_equal(t.url, "untouched");
  }
}

static void test_strict_without_a_ca_trusts_the_system(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  setenv("HOME", f->dir, 1);
  assert_int_equal(db_target_parse(f->arena, "postgresql://u@h/d?sslaccept=strict", "X", &t, &err),
                   0);
  assert_non_null(strstr(t.conninfo, "sslmode='verify-full'"));
  setenv("PGSSLROOTCERT", "/my/ca.pem", 1);
  assert_int_equal(db_target_parse(f->arena, "postgresql://u@h/d?sslaccept=strict", "X", &t, &err),
                   0);
  assert_null(strstr(t.conninfo, "sslrootcert"));
}

static void test_password_is_a_secret(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  assert_int_equal(db_target_parse(f->arena, "postgresql://u:top%2Fsecret@h/d", "X", &t, &err), 0);
  assert_null(strstr(t.shown, "secret"));
  assert_string_equal(t.url, "postgresql://u:top%2Fsecret@h/d");
  CLEANUP(free_ptr)
  char *url = log_redact(t.url);
  assert_string_equal(url, "postgresql://u:***@h/d");
  CLEANUP(free_ptr)
  char *conninfo = log_redact(t.conninfo);
  assert_string_equal(conninfo, "user='u' password=*** host='h' dbname='d'");
}

static void test_pgoptions_are_kept_beside_the_schema(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  setenv("PGOPTIONS", "-c lock_timeout=5s", 1);
  assert_int_equal(db_target_parse(f->arena, "postgresql:///d?schema=a", "X", &t, &err), 0);
  assert_string_equal(t.conninfo, "dbname='d' options='-c lock_timeout=5s -csearch_path=\"a\"'");
}

static void test_other_database(void **state)
{
  static const struct {
    const char *from, *url, *conninfo;
  } rows[] = {
      {"postgresql://u:p%2Fw@a:1,b/d?schema=s&dbname=z&sslmode=require",
       "postgresql://u:p%2Fw@a:1,b/my%20db%2F1?schema=s&sslmode=require",
       "user='u' password='p/w' host='a,b' port='1,' dbname='my db/1' sslmode='require' "
       "options='-csearch_path=\"s\"'"},
      {"postgresql://h", "postgresql://h/my%20db%2F1", "host='h' dbname='my db/1'"},
      {"host=/tmp dbname=d", "postgresql://somebody@/my%20db%2F1?host=/tmp&port=5432",
       "host='/tmp' dbname='my db/1'"},
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    struct db_target t, other;
    assert_int_equal(db_target_parse(f->arena, rows[i].from, "X", &t, &err), 0);
    assert_int_equal(db_target_with_database(f->arena, &t, "my db/1", &other, &err), 0);
    assert_string_equal(other.url, rows[i].url);
    assert_string_equal(other.conninfo, rows[i].conninfo);
    assert_string_equal(other.database, "my db/1");
    assert_non_null(strstr(other.shown, "/my%20db%2F1"));
    assert_string_equal(other.schema, t.schema);
  }
}

static void check_source(struct fixture *f, const struct db_target_request *request,
                         const char *source, const char *database)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  if (db_target_resolve(f->arena, request, &t, &err) < 0)
    fail_msg("%s: %s", source, err.message);
  assert_string_equal(t.source, source);
  assert_string_equal(t.database, database);
}

static void test_order_of_sources(void **state)
{
  struct fixture *f = *state;
  struct db_target_request r = {.dir = f->dir};
  unsetenv("PGUSER");
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  assert_int_equal(db_target_resolve(f->arena, &r, &t, &err), 0);
  assert_string_equal(t.source, "libpq defaults");
  assert_string_equal(t.conninfo, "");
  setenv("PGHOST", "pgh", 1);
  setenv("PGDATABASE", "env", 1);
  check_source(f, &r, "PGHOST, PGDATABASE", "env");
  r.configured = "postgresql://h/yaml";
  check_source(f, &r, "belay.yaml", "yaml");
  write_file(f, ".env", "DATABASE_URL=postgresql://h/dotenv\n");
  check_source(f, &r, ".env (DATABASE_URL)", "dotenv");
  const char *named = write_file(f, "other.env",
                                 "export BELAY_DATABASE_URL='postgresql://h/b'\n"
                                 "DATABASE_URL=postgresql://h/other\n");
  r.env_file = named;
  check_source(f, &r, arena_printf(f->arena, "%s (BELAY_DATABASE_URL)", named), "b");
  setenv("DATABASE_URL", "postgresql://h/real", 1);
  check_source(f, &r, "DATABASE_URL", "real");
  setenv("BELAY_DATABASE_URL", "postgresql://h/belay", 1);
  check_source(f, &r, "BELAY_DATABASE_URL", "belay");
  r.option = "postgresql://h/option";
  check_source(f, &r, "--database", "option");
}

static void refused(struct fixture *f, const struct db_target_request *request, const char *message)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  assert_int_equal(db_target_resolve(f->arena, request, &t, &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(err.message, message);
}

static void test_refused_sources(void **state)
{
  struct fixture *f = *state;
  struct db_target_request r = {.dir = f->dir, .env_file = fs_join(f->arena, f->dir, "no.env")};
  refused(f, &r,
          arena_printf(f->arena, "%s: the file that --env-file or env_file names does not exist",
                       r.env_file));
  r.env_file = write_file(f, "some.env", "OTHER=1\n");
  refused(
      f, &r,
      arena_printf(f->arena, "%s holds neither BELAY_DATABASE_URL nor DATABASE_URL", r.env_file));
  setenv("DATABASE_URL", "", 1);
  refused(f, &r, "DATABASE_URL is set but empty");
}

static void test_direct_url_instead_of_the_pooled_one(void **state)
{
  struct fixture *f = *state;
  struct db_target_request r = {.dir = f->dir};
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  write_file(f, ".env", "DIRECT_URL=postgresql://h/wrong\n");
  setenv("DATABASE_URL", "postgresql://h/pooled?pgbouncer=true", 1);
  assert_int_equal(db_target_resolve(f->arena, &r, &t, &err), 0);
  assert_true(t.pooled); /* the .env file's DIRECT_URL is another place's */
  assert_string_equal(t.source, "DATABASE_URL");
  setenv("DIRECT_URL", "", 1);
  setenv("DIRECT_DATABASE_URL", "postgresql://h/direct", 1);
  assert_int_equal(db_target_resolve(f->arena, &r, &t, &err), 0);
  assert_false(t.pooled);
  assert_string_equal(t.source, "DIRECT_DATABASE_URL, because DATABASE_URL is pooled");
  assert_string_equal(t.database, "direct");
  setenv("DIRECT_URL", "postgresql://h/also?pgbouncer=true", 1);
  setenv("OTHER", "postgresql://h/named", 1);
  r.direct_url_names = "DIRECT_URL, OTHER";
  assert_int_equal(db_target_resolve(f->arena, &r, &t, &err), 0);
  assert_string_equal(t.database, "named");
  setenv("OTHER", "prisma://x", 1);
  assert_int_equal(db_target_resolve(f->arena, &r, &t, &err), -1);
}

static void test_service(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct db_target t;
  setenv("PGSERVICEFILE",
         write_file(f, "services",
                    "[trading]\nhost=db.example\nuser=trader\npassword=hidden\n"
                    "dbname=orders\n"),
         1);
  assert_int_equal(db_target_parse(f->arena, "service=trading", "X", &t, &err), 0);
  assert_string_equal(t.conninfo, "service='trading'");
  assert_string_equal(t.shown, "postgresql://trader@db.example:5432/orders");
  assert_string_equal(t.url, "postgresql://trader:hidden@db.example:5432/orders?service=trading");
  assert_null(getenv("PGSERVICE"));
  setenv("PGSERVICE", "trading", 1);
  check_source(f, &(struct db_target_request){.dir = f->dir}, "PGSERVICE, PGUSER", "orders");
  assert_string_equal(getenv("PGSERVICE"), "trading");
}

static const char env_text[] = "\xef\xbb\xbf# comment\r\n"
                               "\r\n"
                               "PLAIN=value # comment\r\n"
                               "export EXPORTED = spaced value  \r\n"
                               "EMPTY=\n"
                               "DOUBLE=\"a\\tb\\\"c\\$d \\\\ # no comment\" # comment\n"
                               "SINGLE='a\\n$PLAIN'\n"
                               "BACKTICK=`it's \"so\"`\n"
                               "LINES=\"one\n"
                               "two\"\n"
                               "URL=postgresql://${PLAIN}:$SINGLE@${UNSET:-host}/d$\n"
                               "ESCAPED=pa\\$word\\\\x\n"
                               "HASH=abc#def\n"
                               "LATER=${MISSING}\n"
                               "BARE=pa$word\n"
                               "BROKEN=${PLAIN\n"
                               "TWICE=1\n"
                               "TWICE=2\n"
                               "FROM_ENV=$OTHER\n"
                               "FORWARD=$LAST\n"
                               "LAST=x";

static void test_env_file_values(void **state)
{
  static const struct {
    const char *name, *value;
  } rows[] = {
      {"PLAIN", "value"},
      {"EXPORTED", "spaced value"},
      {"EMPTY", ""},
      {"DOUBLE", "a\tb\"c$d \\ # no comment"},
      {"SINGLE", "a\\n$PLAIN"},
      {"BACKTICK", "it's \"so\""},
      {"LINES", "one\ntwo"},
      {"URL", "postgresql://value:a\\n$PLAIN@host/d$"},
      {"ESCAPED", "pa$word\\\\x"},
      {"TWICE", "2"},
      {"FROM_ENV", "real"},
      {"LAST", "x"},
      {"ABSENT", NULL},
  };
  struct fixture *f = *state;
  const char *path = write_file(f, ".env", env_text);
  setenv("OTHER", "real", 1);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    const char *value = "untouched";
    if (db_env_file_get(f->arena, path, rows[i].name, &value, &err) < 0)
      fail_msg("%s: %s", rows[i].name, err.message);
    if (!rows[i].value)
      assert_null(value);
    else
      assert_string_equal(value, rows[i].value);
  }
}

static void check_env_error(struct fixture *f, const char *path, const char *name,
                            const char *message)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  const char *value;
  if (db_env_file_get(f->arena, path, name, &value, &err) == 0)
    fail_msg("%s was taken", name);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(err.message, arena_printf(f->arena, "%s%s", path, message));
}

static void test_env_file_errors(void **state)
{
  struct fixture *f = *state;
  const char *path = write_file(f, ".env", env_text);
  check_env_error(f, path, "HASH", ":13: the value of HASH holds a # and is not quoted");
  check_env_error(f, path, "LATER", ":14: the value of LATER uses $MISSING, which is not set");
  check_env_error(f, path, "BARE", ":15: the value of BARE uses $word, which is not set");
  check_env_error(f, path, "BROKEN", ":16: ${ without a name and a closing }");
  check_env_error(f, path, "FORWARD", ":20: the value of FORWARD uses $LAST, which is not set");
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"A=1\nnot a line\n", ":2: not a line of the form NAME=value"},
      {"=x\n", ":1: not a line of the form NAME=value"},
      {"A=\"b\nc\"\nB='x\ny", ":3: the quote is not closed"},
      {"A=\"b\nc\"\n-", ":3: not a line of the form NAME=value"},
      {"A='b' c\n", ":1: text after the closing quote"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    check_env_error(f, write_file(f, "bad.env", rows[i].text), "A", rows[i].message);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_good_urls),
      TEST(test_bad_urls),
      TEST(test_strict_without_a_ca_trusts_the_system),
      TEST(test_password_is_a_secret),
      TEST(test_pgoptions_are_kept_beside_the_schema),
      TEST(test_other_database),
      TEST(test_order_of_sources),
      TEST(test_refused_sources),
      TEST(test_direct_url_instead_of_the_pooled_one),
      TEST(test_service),
      TEST(test_env_file_values),
      TEST(test_env_file_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
