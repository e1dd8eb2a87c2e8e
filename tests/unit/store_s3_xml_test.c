#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "store/s3_xml.h"

static void note(void *context, const char *path, const char *text)
{
  struct text *seen = context;
  if (text)
    text_printf(seen, "%s=%s;", path, text);
  else
    text_printf(seen, "/%s;", path);
}

static void reads(const char *xml, const char *expected)
{
  CLEANUP(text_clear) struct text seen = TEXT_INIT;
  if (s3_xml_read(xml, strlen(xml), note, &seen) < 0)
    fail_msg("refused: %s", xml);
  assert_string_equal(seen.data, expected);
}

static void refuses(const char *xml)
{
  CLEANUP(text_clear) struct text seen = TEXT_INIT;
  if (s3_xml_read(xml, strlen(xml), note, &seen) == 0)
    fail_msg("accepted: %s", xml);
}

static void test_what_servers_answer(void **state)
{
  UNUSED(state);
  reads("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>"
        "<Message>a &lt;b&gt; &amp; &#x263A;&#233;</Message><Empty/></Error>\n",
        "Error/Code=SlowDown;Error/Message=a <b> & \xE2\x98\xBA\xC3\xA9;Error/Empty=;/Error;");
  reads("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\" a='>'>\n"
        "  <Contents><Key>a</Key><Size>1</Size></Contents>\n <Contents><Key>b</Key></Contents>"
        "</ListBucketResult>",
        "ListBucketResult/Contents/Key=a;ListBucketResult/Contents/Size=1;"
        "/ListBucketResult/Contents;ListBucketResult/Contents/Key=b;"
        "/ListBucketResult/Contents;/ListBucketResult;");
  reads("\xEF\xBB\xBF<!-- x --><s3:A><![CDATA[<&]]></s3:A><?pi?>", "A=<&;");
}

static void test_what_is_refused(void **state)
{
  UNUSED(state);
  static const char *const bad[] = {
      "",
      " ",
      "text",
      "<A>",
      "</A>",
      "<A></B>",
      "<A/><B/>",
      "<A>&unknown;</A>",
      "<A>&#0;</A>",
      "<A>&#xD800;</A>",
      "<A>&#1114112;</A>",
      "<A>&#;</A>",
      "<A",
      "<A b></A>",
      "<A b=c/>",
      "<A b=\"c/>",
      "<!DOCTYPE a [<!ENTITY b 'c'>]><A>&b;</A>",
      "<A><!-- </A>",
      "<A><![CDATA[</A>",
      "<A></A",
      "<A>&amp</A>",
      "<><//>",
      "<A>&lt;<B></A></B>",
      "<a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a></a></a></a>"};
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    refuses(bad[i]);
}

static void test_tails(void **state)
{
  UNUSED(state);
  assert_true(s3_xml_is("ListBucketResult/Contents/Key", "Contents/Key"));
  assert_true(s3_xml_is("Key", "Key"));
  assert_false(s3_xml_is("ListBucketResult/Contents/MyKey", "Key"));
  assert_false(s3_xml_is("Key", "Contents/Key"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_servers_answer),
      cmocka_unit_test(test_what_is_refused),
      cmocka_unit_test(test_tails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
