"use strict";

(function () {
  const place = document.getElementById("docs");

  function cookie(name) {
    const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
    return found === undefined ? "" : decodeURIComponent(found.slice(name.length + 1));
  }

  window.SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: false,
    // The default sends the document to a service elsewhere.
    validatorUrl: null,
    requestInterceptor(request) {
      const token = cookie(place.dataset.csrfCookie);
      const target = new URL(request.url, window.location.href);
      if (token !== "" && target.origin === window.location.origin) {
        request.headers[place.dataset.csrfHeader] = token;
      }
      return request;
    },
  });
})();
