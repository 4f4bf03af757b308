#include "csqlite.h"

#include <sqlite3.h>

// SQLite counts its memory, under one lock for all threads, and nobody asks. Before `main`, since nothing can be
// configured once it was used.
__attribute__((constructor)) static void count_no_memory(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

int csqlite_no_checkpoint_on_close(void *connection) {
    return sqlite3_db_config((sqlite3 *)connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

int csqlite_is_in_use_elsewhere(void *connection) {
    int in_use = 0;
    int failure = sqlite3_file_control((sqlite3 *)connection, "main", SQLITE_FCNTL_EXTERNAL_READER, &in_use);
    return failure != SQLITE_OK || in_use;
}
