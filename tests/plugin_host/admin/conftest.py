from tests.admin_people import member_of, operator

__all__ = ["member_of", "operator"]
