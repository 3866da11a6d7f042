/* SPDX-License-Identifier: Apache-2.0
 * Choosing links of a chain. */
#include "analyzer/report/brief.h"

#include "analyzer/base/array.h"

#define RUNS 4	       /* calls from one package to another that are shown, the innermost ones */
#define FEW 3 /* lines that say too little alone: then the next kind of code is shown too */
#define N_OWNERS (TC_OWNER_NONE + 1)

/* A link while the chain is looked at. */
struct link {
	enum tc_owner owner;
	struct tc_text package; /* the first part of its short path */
};

struct choice {
	struct link *links;
	bool *shown;
	size_t n, n_shown, room, shown_room;
};

static void show(struct choice *c, size_t i)
{
	c->n_shown += !c->shown[i];
	c->shown[i] = true;
}

static struct tc_text first_part(struct tc_text path)
{
	const uint8_t *slash = path.size ? memchr(path.at, '/', path.size) : NULL;

	if (slash)
		path.size = (size_t)(slash - path.at); /* nothing, of an absolute path */
	return path;
}

static bool is_below(struct tc_text file, struct tc_text root)
{
	return root.size && file.size > root.size && memcmp(file.at, root.at, root.size) == 0;
}

static void look(struct choice *c, const struct tc_model *model, struct tc_text root,
		 const struct tc_links_list *list)
{
	for (size_t i = 0; i < c->n; i++) {
		struct tc_place place;
		tc_place_init(&place, model, list->ids[i]);
		struct tc_text path = tc_place_short(model, (struct tc_text){ 0 }, place.file);
		c->links[i].owner = tc_place_owner(model, place.file);
		if (c->links[i].owner == TC_OWNER_USER && is_below(path, root))
			path = (struct tc_text){ path.at + root.size, path.size - root.size };
		c->links[i].package = first_part(path);
		c->shown[i] = false;
	}
}

/* The last link before other code is called. */
static bool ends_run(const struct choice *c, size_t i)
{
	const struct link *link = &c->links[i];

	return i + 1 == c->n || link[1].owner != link->owner ||
	       !tc_text_same(link[1].package, link->package);
}

/* The ends of runs of this owner's links, the innermost ones, as long as fewer than max are
 * shown. */
static void show_runs(struct choice *c, enum tc_owner owner, size_t max)
{
	size_t runs = 0;

	for (size_t i = c->n; i > 0 && runs < RUNS && c->n_shown < max; i--)
		if (c->links[i - 1].owner == owner && ends_run(c, i - 1)) {
			show(c, i - 1);
			runs++;
		}
}

static void show_innermost(struct choice *c, enum tc_owner owner, size_t max)
{
	for (size_t i = c->n; i > 0 && c->n_shown < max; i--)
		if (c->links[i - 1].owner == owner)
			show(c, i - 1);
}

static void show_outermost(struct choice *c, enum tc_owner owner)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->links[i].owner == owner) {
			show(c, i);
			return;
		}
}

/* The line that says "1 frame" would take the place of the frame's own. */
static void fill_gaps(struct choice *c)
{
	for (size_t i = 0; i + 1 < c->n; i++)
		if (!c->shown[i] && (i == 0 || c->shown[i - 1]) && c->shown[i + 1])
			show(c, i);
}

const bool *tc_brief_choose(const struct tc_model *model, struct tc_text root,
			    const struct tc_links_list *list, size_t n, uint32_t must)
{
	static struct choice c; /* grows to the longest chain */
	unsigned owner = 0;

	c.n = n;
	c.n_shown = 0;
	if (n > c.room)
		c.links = tc_array_grow(c.links, n, &c.room, sizeof(*c.links));
	if (n > c.shown_room)
		c.shown = tc_array_grow(c.shown, n, &c.shown_room, sizeof(*c.shown));
	look(&c, model, root, list);
	if (n <= TC_BRIEF_FRAMES)
		for (size_t i = 0; i < n; i++)
			show(&c, i);
	while (owner < N_OWNERS && c.n_shown == 0) {
		show_outermost(&c, owner);
		if (c.n_shown) {
			show_runs(&c, owner, TC_BRIEF_FRAMES);
			show_innermost(&c, owner, TC_BRIEF_FRAMES);
		}
		owner++;
	}
	for (; owner < TC_OWNER_NONE && c.n_shown < FEW; owner++)
		show_runs(&c, owner, FEW);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || (must && list->ids[i] == must))
			show(&c, i);
	fill_gaps(&c);
	return c.shown;
}
