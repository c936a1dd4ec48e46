"""``scrapy proxies ...``"""
