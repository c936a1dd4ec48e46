"""A bookshop, crawled through proxies."""
