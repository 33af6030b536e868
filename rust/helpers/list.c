// SPDX-License-Identifier: GPL-2.0

#include <linux/list.h>

#include "helpers.h"

void bmc_rust_list_del(struct list_head *entry)
{
	list_del(entry);
}
