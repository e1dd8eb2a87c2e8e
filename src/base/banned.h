/* banned.h: functions that have a safer sibling are compile errors (idea: git's banned.h).
 * Use the arena/text printers, or snprintf with its result checked. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atoll
#pragma GCC poison asctime ctime localtime gmtime tmpnam mktemp
